/** Real SDKs and frameworks: they must not be able to tell Entresol from their server. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startServer, type RunningServer } from '../../src/cli/compose.ts';
import type { Dialect, Engine } from '../../src/core/index.ts';
import { EmbeddedEngine } from '../../src/engines/embedded/engine.ts';
import { TINY_SHAPE } from '../../src/engines/embedded/synthetic-model/shape.ts';
import { realEngine } from '../../src/engines/embedded/testing/real-engine.ts';
import { OpenAiEngine } from '../../src/engines/openai/engine.ts';
import { SIMULATED_MODEL, SimulatedEngine } from '../../src/engines/simulated/engine.ts';
import { readRecording, recordingPlace, recordingText, type RecordedCall } from '../../src/lab/identity-roles/recordings.ts';
import { closeAll, closeLater, until } from '../support/gateway-setup.ts';
import { startUpstream, type ReceivedRequest, type ScriptedUpstream } from '../support/scripted-upstream.ts';
import { CLIENTS, closePythons } from './support/clients.ts';
import { forceAnswers } from './support/forced-engine.ts';
import { modelServer } from './support/model-server.ts';
import { recordConversations } from './support/recorder.ts';
import type { ScenarioContext, ScenarioResult } from './support/scenario.ts';
import { BUSY_MODEL, ENDLESS, NO_SUCH_MODEL } from './support/scripted-model.ts';

afterAll(closePythons);

/** llama.cpp, which takes seconds to start: one for all. */
const real = await realEngine();
let llama: { engine: EmbeddedEngine; server: RunningServer };
beforeAll(async () => {
  if (real === undefined) return;
  const engine = forceAnswers(new EmbeddedEngine({ shape: TINY_SHAPE, contextTokens: 4096, storeTokens: 8192, teacherForcing: true }));
  llama = { engine, server: await startServer({ engines: [engine], log: () => undefined }) };
});
afterAll(() => llama?.server.close(0));

afterEach(closeAll);
// Mastra tells the console of every call that its own caller has left.
vi.spyOn(console, 'error').mockReturnValue();
// A Python starts in seconds on a busy machine.
vi.setConfig({ testTimeout: 300_000 });

const contextOf = (origin: string, model: string, busyModel: string): ScenarioContext => ({ origin, model, busyModel, noSuchModel: NO_SUCH_MODEL, endless: ENDLESS });

async function upstreamWith(...dialects: readonly Dialect[]): Promise<ScriptedUpstream> {
  const upstream = await startUpstream(modelServer(...dialects));
  closeLater(() => upstream.close());
  return upstream;
}
async function before(engine: Engine): Promise<RunningServer> {
  const server = await startServer({ engines: [engine], log: () => undefined });
  closeLater(() => server.close(0));
  return server;
}
const endlessOf = (upstream: ScriptedUpstream): ReceivedRequest | undefined => upstream.received.find((request) => request.body.includes(ENDLESS));

/** What differs for every connection, or is narrowed so that the answer can be read. */
const OF_THE_HOP = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'accept-encoding', 'keep-alive', 'te']);
const headersOf = (request: ReceivedRequest): string[] => request.headers.flatMap((value, index, all) => (index % 2 === 0 || OF_THE_HOP.has(all[index - 1].toLowerCase()) ? [] : [`${all[index - 1]}: ${value}`]));
/** Sorted, for some clients make calls at once. */
const wiresOf = (upstream: ScriptedUpstream): string[] => upstream.received.map((request) => [request.method, request.path, request.body.toString(), ...headersOf(request)].join('\n')).toSorted();

describe.each(CLIENTS)('$name', (client) => {
  const { name, dialect, load } = client;
  const test = it.skipIf(load === undefined);
  /** The same for every test of a client: the server has been closed since. */
  let known: { upstream: ScriptedUpstream; result: ScenarioResult } | undefined;
  const direct = async (): Promise<{ upstream: ScriptedUpstream; result: ScenarioResult }> => {
    if (known !== undefined) return known;
    const upstream = await upstreamWith(dialect);
    const result = await (await load!())(contextOf(upstream.url, 'm', BUSY_MODEL));
    known = { upstream, result };
    return known;
  };

  test('gets the same, and sends the same bytes, as straight to the server', async () => {
    const { upstream: straight, result: expected } = await direct();
    expect(expected).toMatchObject({ left: true, retried: 'Hello — nothing to do.', error: { status: 404 } });
    expect(expected.toolCalls.map((call) => call.name)).toEqual(['lookup', 'lookup', 'write_file']);
    const upstream = await upstreamWith(dialect);
    const server = await before(new OpenAiEngine({ kind: dialect === 'messages' ? 'anthropic' : 'openai', url: upstream.url }));
    expect(await (await load!())(contextOf(server.url, 'm', BUSY_MODEL))).toEqual(expected);
    expect(wiresOf(upstream)).toEqual(wiresOf(straight));
    await endlessOf(upstream)?.aborted;
    await until(() => server.runtime.openRequests === 0);
  });

  test('goes through the same on an engine within Entresol', async () => {
    const { result: expected } = await direct();
    const engine = forceAnswers(new SimulatedEngine({ teacherForcing: true, contextTokens: 8192 }));
    const server = await before(engine);
    const result = await (await load!())(contextOf(server.url, SIMULATED_MODEL, SIMULATED_MODEL));
    expect({ ...result, error: result.error.status }).toEqual({ ...expected, error: 404 });
    await until(() => engine.load().runningRequests === 0);
  });

  it.skipIf(load === undefined || real === undefined)('goes through the same on llama.cpp within Entresol, whose slots are free afterwards', async () => {
    const { result: expected } = await direct();
    const { engine, server } = llama;
    const result = await (await load!())(contextOf(server.url, TINY_SHAPE.name, TINY_SHAPE.name));
    expect({ ...result, error: result.error.status }).toEqual({ ...expected, error: 404 });
    await until(() => engine.load().runningRequests === 0 && server.runtime.openRequests === 0);
  });

  test('sends today what was recorded of it, on which roles are told apart (UPDATE_RECORDINGS=1 records it anew)', async () => {
    const conversations = await recordConversations(client);
    const place = recordingPlace(name);
    if (process.env.UPDATE_RECORDINGS === '1') writeFileSync(place, recordingText({ client: name, conversations }));
    // Sorted, for some clients make calls at once.
    const sorted = (told: Readonly<Record<string, readonly RecordedCall[]>>): unknown => Object.entries(told).map(([application, calls]) => [application, calls.map((call) => JSON.stringify(call)).toSorted()]);
    expect(sorted(conversations)).toEqual(sorted(readRecording(readFileSync(place, 'utf8')).conversations));
  });

  // Chat completions are what such a server speaks itself.
  if (dialect !== 'chat') test('goes through the same on a server that speaks chat completions only', async () => {
    const { result: expected } = await direct();
    const upstream = await upstreamWith('chat');
    const server = await before(new OpenAiEngine({ kind: 'openai-compatible', url: upstream.url }));
    const result = await (await load!())(contextOf(server.url, 'm', BUSY_MODEL));
    expect({ ...result, error: result.error.status }).toEqual({ ...expected, error: 404 });
    await endlessOf(upstream)?.aborted;
  });
});
