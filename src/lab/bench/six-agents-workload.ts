/** The six-agent application as a workload: the real client, with its sessions known beforehand by rehearsal. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DocumentLibrary, httpCaller, rehearse, runSession, writeScript, type Caller, type CallRequest, type SessionScript } from '../../../examples/six-agents/index.ts';
import { SIX_AGENTS } from './bars.ts';
import type { PlannedCall, PlannedSession } from './planned-session.ts';
import type { BenchWorkload, Connection, PlayOptions } from './workload.ts';

/** The engine's tokens of a text. */
export type Tokenise = (text: string) => Promise<Int32Array>;

export interface SixAgentsOptions {
  readonly seed: number;
  readonly concurrency: number;
  readonly sessions: number;
  readonly tokenise: Tokenise;
  /** How requests get their answers; by default over HTTP from an engine that is made to give those of the script. */
  readonly callerOf?: CallerOf;
}

export type CallerOf = (connection: Connection, signal: AbortSignal) => Caller;

/** The project's own documents: `docs/` in a clone, else what the package carries beside itself. */
function documentFolder(): string {
  for (let folder = new URL('.', import.meta.url); ; folder = new URL('..', folder)) {
    if (existsSync(new URL('package.json', folder))) {
      const docs = new URL('docs', folder);
      return fileURLToPath(existsSync(docs) ? docs : folder);
    }
    if (folder.pathname === '/') return fileURLToPath(new URL('.', import.meta.url));
  }
}

/** What a chat template makes of a request, near enough to plan with: everything in the order in which it reaches the engine. */
function templated(request: CallRequest): string {
  const [system, ...messages] = request.messages;
  const later = messages.map((message) => {
    const calls = 'tool_calls' in message && message.tool_calls !== undefined ? JSON.stringify(message.tool_calls.map((call) => ('function' in call ? call.function : {}))) : '';
    return `<|${message.role}|>${String(message.content)}${calls}<|end|>`;
  });
  return `${String(system.content)}${JSON.stringify(request.role.tools)}${later.join('')}<|assistant|>`;
}

async function plan(script: SessionScript, library: DocumentLibrary, tokenise: Tokenise): Promise<PlannedSession> {
  const requests = await rehearse(script, library, '');
  const calls = await Promise.all(requests.map(async (request, step): Promise<PlannedCall> => {
    const { agent, answer, toolCall, pauseUnits } = script.steps[step];
    return {
      agent, instance: agent, pauseUnits,
      prompt: await tokenise(templated(request)),
      output: await tokenise(`${answer}${toolCall === undefined ? '' : JSON.stringify(toolCall)}<|end|>`),
    };
  }));
  return { id: script.id, calls };
}

export async function sixAgentsWorkload(options: SixAgentsOptions): Promise<BenchWorkload> {
  const library = new DocumentLibrary(documentFolder());
  const documents = await library.list();
  const scripts = Array.from({ length: options.sessions }, (_, session) => writeScript(options.seed, session, documents));
  const sessions: PlannedSession[] = [];
  for (const script of scripts) sessions.push(await plan(script, library, options.tokenise));
  return {
    name: SIX_AGENTS, concurrency: options.concurrency, scale: 1, sessions,
    play: (session, play) => playScript(scripts[session], library, play, options.callerOf ?? (({ client, clock }, signal) => httpCaller(client, clock, signal))),
  };
}

async function playScript(script: SessionScript, library: DocumentLibrary, options: PlayOptions, callerOf: CallerOf): Promise<void> {
  const { connection, thinkMs, signal } = options;
  const { model, clock } = connection;
  await runSession(callerOf(connection, signal), {
    script, library, model, thinkMs, signal, pace: clock, forced: true,
    onCall: (record) => {
      options.onCall({
        session: record.session, step: record.step, agent: record.agent, endedAtMs: record.endedAtMs,
        ttftMs: record.firstContentAtMs - record.sentAtMs, endToEndMs: record.endedAtMs - record.sentAtMs,
        promptTokens: record.promptTokens, cachedTokens: record.cachedTokens, outputTokens: record.outputTokens, requestHash: record.requestHash,
      });
    },
  });
}
