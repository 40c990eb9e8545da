import type { AskThrough, ToolInput } from '../support/desk.ts';
import { CODER, PLANNER, raised, runTool, type Scenario } from '../support/scenario.ts';

// It would count its runs at a service elsewhere; it looks at this when it is imported.
process.env.MASTRA_TELEMETRY_DISABLED = '1';
const [{ Agent }, { noopLogger }, { createTool }, { z }] = await Promise.all([import('@mastra/core/agent'), import('@mastra/core/logger'), import('@mastra/core/tools'), import('zod')]);

/** The error of the call within what it wraps around. */
async function unwrapped<Value>(call: () => Promise<Value>): Promise<Value> {
  try {
    return await call();
  } catch (thrown) {
    let error = thrown as { cause?: unknown; statusCode?: number };
    while (error.statusCode === undefined && typeof error.cause === 'object' && error.cause !== null) error = error.cause;
    throw error;
  }
}

const SCHEMAS = { lookup: z.object({ topic: z.string() }), write_file: z.object({ path: z.string(), text: z.string() }) } as const;

export const ask: AskThrough = ({ origin, model }) => async (agent, question, run) => {
  const tools = Object.fromEntries(agent.tools.map((id) => {
    const inputSchema = id === 'lookup' || id === 'write_file' ? SCHEMAS[id] : z.object({ task: z.string() });
    return [id, createTool({ id, description: `Does ${id}.`, inputSchema, execute: ({ context }: { context: ToolInput }) => run(id, context) })];
  }));
  const made = new Agent({ name: agent.name, instructions: agent.instructions, model: { id: `entresol/${model}`, url: `${origin}/v1`, apiKey: 'sk-test' }, tools });
  made.__setLogger(noopLogger);
  return (await made.generate(question, { maxSteps: 9, modelSettings: { maxRetries: 0 } })).text;
};

export const scenario: Scenario = async ({ origin, model, noSuchModel, endless, busyModel }) => {
  const modelOf = (name: string): { id: `${string}/${string}`; url: string; apiKey: string } => ({ id: `entresol/${name}`, url: `${origin}/v1`, apiKey: 'sk-test' });
  const toolCalls: { name: string; input: unknown }[] = [];
  const run = (name: string) => async ({ context }: { context: { topic?: string; path?: string } }): Promise<string> => {
    toolCalls.push({ name, input: context });
    return runTool(name, context);
  };
  const lookup = createTool({ id: 'lookup', description: 'Looks up.', inputSchema: SCHEMAS.lookup, execute: run('lookup') });
  const write = createTool({ id: 'write_file', description: 'Writes.', inputSchema: SCHEMAS.write_file, execute: run('write_file') });
  const agent = (instructions: string, name: string, more: object = {}): InstanceType<typeof Agent> => {
    const made = new Agent({ name: 'agent', instructions, model: modelOf(name), ...more });
    made.__setLogger(noopLogger);
    return made;
  };
  const once = { modelSettings: { maxRetries: 0 } };
  const speaker = agent('You are the speaker.', model);

  const plan = (await agent(PLANNER, model, { tools: { lookup } }).generate('Plan the journey.', once)).text;
  const code = (await agent(CODER, model, { tools: { write_file: write } }).generate(plan, once)).text;

  let streamed = '';
  for await (const piece of (await speaker.stream('Stream.', once)).textStream) streamed += piece;

  let left = false;
  const leaving = new AbortController();
  const long = await speaker.stream(endless, { ...once, abortSignal: leaving.signal });
  for await (const part of long.fullStream) if (part.type === 'text-delta') {
    left = true;
    leaving.abort();
    break;
  }
  const retried = (await agent('You wait.', busyModel, { maxRetries: 1 }).generate('Again.', { modelSettings: { maxRetries: 1 } })).text;
  const error = await raised(() => unwrapped(() => agent('None.', noSuchModel, { maxRetries: 0 }).generate('x', once)));
  return { toolCalls, answers: [plan, code], streamed, left, retried, error };
};
