/** One session of the application: the supervisor hands a task round its six agents until the script ends. */
import { createHash } from 'node:crypto';
import type OpenAI from 'openai';
import { bodyOf, call, type CallRequest, type CallTimes, type CallUsage, type CompletedCall } from './call.ts';
import { Conversation } from './conversation.ts';
import type { Pace } from './pace.ts';
import { ROLES, type RoleName } from './roles.ts';
import type { SessionScript, ScriptedStep } from './script.ts';
import type { DocumentLibrary } from './tools/document-library.ts';
import { runTool } from './tools/run-tool.ts';

/** Prompts stay within a context of 2,048 tokens at four characters or so per token, less the answer. */
export const PROMPT_LIMIT_CHARACTERS = 6_600;
const ANSWER_TOKENS = 128;
const HAND_OVER_RESULT_CHARACTERS = 160;
const HAND_OVER_ANSWER_CHARACTERS = 600;
/** How many earlier answers the supervisor repeats, each cut to this length. */
const RECORD = { answers: 1, characters: 160 };

export interface CallRecord extends CallTimes, CallUsage {
  readonly session: string;
  readonly agent: RoleName;
  readonly step: number;
  /** Hash of the request's body: two runs of one script send the same. */
  readonly requestHash: string;
}

/** How a request gets its answer: over HTTP in the application, from the script where only the requests are wanted. */
export type Caller = (request: CallRequest) => Promise<CompletedCall>;

export interface SessionOptions {
  readonly script: SessionScript;
  readonly library: DocumentLibrary;
  readonly pace: Pace;
  readonly model: string;
  /** Mean pause between two calls of a session. */
  readonly thinkMs: number;
  /** The script's answers really come out of the engine (teacher forcing) instead of the model's own. */
  readonly forced: boolean;
  readonly signal?: AbortSignal;
  onCall?(record: CallRecord): void;
}

export function httpCaller(client: OpenAI, pace: Pace, signal?: AbortSignal): Caller {
  return (request) => call(client, request, pace, signal);
}

interface Spoken { readonly agent: RoleName; readonly answer: string; readonly toolResults: readonly string[] }

/** What the supervisor tells the next agent: the record of the last answers, the newest in full with what its tools gave. */
function handOver(spoken: readonly Spoken[], to: RoleName): string {
  const last = spoken.at(-1);
  if (last === undefined) return `Step 1. ${to}, open the task.`;
  const record = spoken.slice(-1 - RECORD.answers, -1).map(({ agent, answer }) => `- ${agent}: ${answer.slice(0, RECORD.characters)}`);
  const results = last.toolResults.map((result) => `${last.agent}'s tool gave:\n${result.slice(0, HAND_OVER_RESULT_CHARACTERS)}`);
  return [
    `Step ${spoken.length + 1}.`,
    ...(record.length === 0 ? [] : ['Before:', ...record]),
    `${last.agent} to ${to}: ${last.answer.slice(0, HAND_OVER_ANSWER_CHARACTERS)}`,
    ...results,
    `${to}, your part now; say what you base it on and to whom it goes next.`,
  ].join('\n');
}

/** Runs the session to its end, or until the signal: a call under way is then abandoned and not recorded. */
export async function runSession(caller: Caller, options: SessionOptions): Promise<void> {
  const { script, library, signal } = options;
  const conversations = new Map<RoleName, Conversation>();
  const spoken: Spoken[] = [];
  for (const [step, scripted] of script.steps.entries()) {
    if (signal?.aborted) return;
    const { agent } = scripted;
    const conversation = conversations.get(agent) ?? new Conversation(ROLES[agent], script.brief, PROMPT_LIMIT_CHARACTERS);
    conversations.set(agent, conversation);
    const messages = conversation.ask(handOver(spoken, agent));
    const request: CallRequest = {
      model: options.model, session: script.id, role: ROLES[agent], messages, maxTokens: ANSWER_TOKENS,
      ...(options.forced ? { forced: scripted } : {}),
    };
    const done = await caller(request);
    const toolResults: string[] = [];
    for (const toolCall of done.answer.toolCalls) toolResults.push(await runTool(toolCall.function.name, toolCall.function.arguments, library));
    conversation.answered(done.answer, toolResults);
    options.onCall?.({ session: script.id, agent, step, requestHash: hashOf(request), ...done.times, ...done.usage });
    spoken.push({ agent, answer: done.answer.content, toolResults });
    await pauseAfter(scripted, options);
  }
}

async function pauseAfter(step: ScriptedStep, options: SessionOptions): Promise<void> {
  const ms = step.pauseUnits * options.thinkMs;
  if (ms > 0) await options.pace.sleep(ms, options.signal);
}

/** Ids of tool calls are the server's and differ between servers. */
function hashOf(request: CallRequest): string {
  const text = JSON.stringify(bodyOf(request), (key, value: unknown) => (key === 'tool_call_id' || key === 'id' ? undefined : value));
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}
