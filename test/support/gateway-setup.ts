/** A gateway in front of a scripted upstream, for tests: real HTTP on loopback, the real SDK as client. */
import OpenAI from 'openai';
import { startServer, type RunningServer, type ServerOptions } from '../../src/cli/compose.ts';
import type { Event } from '../../src/core/index.ts';
import { OpenAiEngine, type OpenAiEngineOptions } from '../../src/engines/openai/engine.ts';
import { startUpstream, type Script, type ScriptedUpstream } from './scripted-upstream.ts';

const closers: (() => Promise<unknown>)[] = [];

/** Something to close when the test is over. */
export function closeLater(close: () => Promise<unknown>): void {
  closers.push(close);
}
/** For `afterEach`: the last opened is closed first. */
export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).toReversed()) await close();
}

export interface Setup {
  readonly upstream: ScriptedUpstream;
  readonly server: RunningServer;
  readonly client: OpenAI;
  /** All that the runtime has delivered. */
  readonly events: Event[];
}

export async function setUp(script: Script, options: Partial<ServerOptions> & { readonly engine?: Partial<OpenAiEngineOptions> } = {}): Promise<Setup> {
  const upstream = await startUpstream(script);
  closeLater(() => upstream.close());
  const { engine, ...rest } = options;
  const server = await startServer({ engines: [new OpenAiEngine({ kind: 'openai-compatible', url: upstream.url, ...engine })], log: () => undefined, ...rest });
  closeLater(() => server.close(0));
  const events: Event[] = [];
  server.runtime.subscribe((event) => events.push(event));
  return { upstream, server, events, client: new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'sk-client', maxRetries: 0 }) };
}

/** The body of a small chat call. */
export const hello = { model: 'm', messages: [{ role: 'user' as const, content: 'hello' }] };

export const post = (url: string, body: string | Buffer, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });

export const eventsOf = (events: readonly Event[], type: Event['type']): Event[] => events.filter((event) => event.type === type);

/** Waits for something that happens by itself, as a client would: by looking again. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => { setImmediate(resolve); });
}
