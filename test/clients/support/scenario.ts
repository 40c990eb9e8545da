/** What every client is put through, and what is compared of it. */
export interface ScenarioContext {
  /** Origin of the server, without `/v1`. */
  readonly origin: string;
  readonly model: string;
  readonly noSuchModel: string;
  readonly endless: string;
  /** A model that is too busy for every other call, or the same as `model` where no server says so. */
  readonly busyModel: string;
}

export interface ScenarioResult {
  /** What the tools of the two agents were called with, in order. */
  readonly toolCalls: readonly { readonly name: string; readonly input: unknown }[];
  /** The agents' last words. */
  readonly answers: readonly string[];
  /** Put together from the pieces of a stream. */
  readonly streamed: string;
  /** An endless stream was left after its first piece, and no error came of it. */
  readonly left: boolean;
  /** The answer of `busyModel`, after the client's own retry. */
  readonly retried: string;
  /** What the client raised for a model that does not exist. */
  readonly error: { readonly status: number | undefined; readonly message: string };
}

export type Scenario = (context: ScenarioContext) => Promise<ScenarioResult>;

/** The tools of the planner and of the coder. */
export const runTool = (name: string, input: { topic?: string; path?: string }): string => (name === 'lookup' ? `found ${input.topic}` : `wrote ${input.path}`);

export const PLANNER = 'You are the planner. Look things up before you plan.';
export const CODER = 'You are the coder. Write the plan down.';
export const LOOKUP_SCHEMA = { type: 'object', properties: { topic: { type: 'string' } }, required: ['topic'], additionalProperties: false } as const;
export const WRITE_SCHEMA = { type: 'object', properties: { path: { type: 'string' }, text: { type: 'string' } }, required: ['path', 'text'], additionalProperties: false } as const;

/** Status and words of an error that an SDK has raised. */
export async function raised(call: () => Promise<unknown>): Promise<ScenarioResult['error']> {
  try {
    await call();
  } catch (error) {
    const { status, statusCode, message } = error as { status?: number; statusCode?: number; message: string };
    return { status: status ?? statusCode, message };
  }
  throw new Error('no error was raised');
}
