/** Real SDKs and frameworks: they must not be able to tell Entresol from their server. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startServer, type RunningServer } from '../../src/cli/compose.ts';
import type { Dialect, Engine } from '../../src/core/index.ts';
import { EmbeddedEngine } from '../../src/engines/embedded/engine.ts';
import { TINY_SHAPE } from '../../src/engines/embedded/synthetic-model/shape.ts';
import { realEngine } from '../../src/engines/embedded/testing/real-engine.ts';
import { OpenAiEngine } from '../../src/engines/openai/engine.ts';
import { SIMULATED_MODEL, SimulatedEngine } from '../../src/engines/simulated/engine.ts';
import { closeAll, closeLater, until } from '../support/gateway-setup.ts';
import { startUpstream, type ReceivedRequest, type ScriptedUpstream } from '../support/scripted-upstream.ts';
import { installClients } from './install.ts';
import { forceAnswers } from './support/forced-engine.ts';
import { modelServer } from './support/model-server.ts';
import { installPythonClients, PythonSdk } from './support/python-scenario.ts';
import type { Scenario, ScenarioContext, ScenarioResult } from './support/scenario.ts';
import { BUSY_MODEL, ENDLESS, NO_SUCH_MODEL } from './support/scripted-model.ts';

interface Client {
  readonly name: string;
  readonly dialect: Dialect;
  /** Undefined where it is not installed. */
  readonly load: (() => Promise<Scenario>) | undefined;
}

const installed = installClients();
const python = installPythonClients();
/** A scenario of a module that is found only where the clients are installed. */
const node = (module: string, exported = 'scenario'): Client['load'] => (installed ? async () => ((await import(`./scenarios/${module}.ts`)) as Record<string, Scenario>)[exported] : undefined);
const pythonSdks = new Map<string, PythonSdk>();
afterAll(() => pythonSdks.forEach((sdk) => sdk.close()));
/** @param module in `scenarios/python` */
function inPython(module: string, name: string): Client['load'] {
  if (python === undefined) return undefined;
  const sdk = pythonSdks.get(module) ?? new PythonSdk(python, module);
  pythonSdks.set(module, sdk);
  return () => Promise.resolve(sdk.scenario(name));
}

const CLIENTS: readonly Client[] = [
  { name: 'openai, chat', dialect: 'chat', load: node('openai-chat') },
  { name: 'openai, Responses', dialect: 'responses', load: node('openai-responses') },
  { name: '@anthropic-ai/sdk', dialect: 'messages', load: node('anthropic') },
  { name: 'ai with @ai-sdk/anthropic', dialect: 'messages', load: node('vercel-ai', 'anthropic') },
  { name: 'ai with @ai-sdk/openai, Responses', dialect: 'responses', load: node('vercel-ai', 'openaiResponses') },
  { name: 'ai with @ai-sdk/openai, chat', dialect: 'chat', load: node('vercel-ai', 'openaiChat') },
  { name: 'ai with @ai-sdk/openai-compatible', dialect: 'chat', load: node('vercel-ai', 'openaiCompatible') },
  { name: '@openai/agents, Responses', dialect: 'responses', load: node('openai-agents', 'responses') },
  { name: '@openai/agents, chat', dialect: 'chat', load: node('openai-agents', 'chat') },
  { name: 'langgraph with @langchain/openai, chat', dialect: 'chat', load: node('langgraph', 'chat') },
  { name: 'langgraph with @langchain/openai, Responses', dialect: 'responses', load: node('langgraph', 'responses') },
  { name: 'langgraph with @langchain/anthropic', dialect: 'messages', load: node('langgraph', 'anthropic') },
  { name: '@mastra/core', dialect: 'chat', load: node('mastra') },
  { name: 'openai for Python, chat', dialect: 'chat', load: inPython('sdk_openai', 'chat') },
  { name: 'openai for Python, Responses', dialect: 'responses', load: inPython('sdk_openai', 'responses') },
  { name: 'anthropic for Python', dialect: 'messages', load: inPython('sdk_anthropic', 'messages') },
  { name: 'anthropic for Python, asynchronous', dialect: 'messages', load: inPython('sdk_anthropic', 'messages, asynchronous') },
];

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

describe.each(CLIENTS)('$name', ({ dialect, load }) => {
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
