/** Real SDKs and frameworks: they must not be able to tell Entresol from their server. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startServer, type RunningServer } from '../../src/cli/compose.ts';
import type { Dialect, Engine } from '../../src/core/index.ts';
import { OpenAiEngine } from '../../src/engines/openai/engine.ts';
import { SIMULATED_MODEL } from '../../src/engines/simulated/engine.ts';
import { closeAll, closeLater, until } from '../support/gateway-setup.ts';
import { startUpstream, type ReceivedRequest, type ScriptedUpstream } from '../support/scripted-upstream.ts';
import { installClients } from './install.ts';
import { ForcedEngine } from './support/forced-engine.ts';
import { modelServer } from './support/model-server.ts';
import { installPythonClients, pythonScenario } from './support/python-scenario.ts';
import type { Scenario, ScenarioContext, ScenarioResult } from './support/scenario.ts';
import { ENDLESS, NO_SUCH_MODEL } from './support/scripted-model.ts';

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
const inPython = (name: string): Client['load'] => (python === undefined ? undefined : () => Promise.resolve(pythonScenario(python, name)));

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
  { name: 'openai for Python, chat', dialect: 'chat', load: inPython('openai-chat') },
  { name: 'openai for Python, Responses', dialect: 'responses', load: inPython('openai-responses') },
];

afterEach(closeAll);
// A Python starts in seconds on a busy machine.
vi.setConfig({ testTimeout: 300_000 });

const contextOf = (origin: string, model: string): ScenarioContext => ({ origin, model, noSuchModel: NO_SUCH_MODEL, endless: ENDLESS });

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

describe.each(CLIENTS)('$name', ({ dialect, load }) => {
  const test = it.skipIf(load === undefined);
  const direct = async (): Promise<{ upstream: ScriptedUpstream; result: ScenarioResult }> => {
    const upstream = await upstreamWith(dialect);
    const result = await (await load!())(contextOf(upstream.url, 'm'));
    return { upstream, result };
  };

  test('gets the same, and sends the same bytes, as straight to the server', async () => {
    const { upstream: straight, result: expected } = await direct();
    expect(expected).toMatchObject({ left: true, error: { status: 404 } });
    expect(expected.toolCalls.map((call) => call.name)).toEqual(['lookup', 'lookup', 'write_file']);
    const upstream = await upstreamWith(dialect);
    const server = await before(new OpenAiEngine({ kind: dialect === 'messages' ? 'anthropic' : 'openai', url: upstream.url }));
    expect(await (await load!())(contextOf(server.url, 'm'))).toEqual(expected);
    expect(upstream.received.map((request) => [request.method, request.path, request.body.toString(), headersOf(request)]))
      .toEqual(straight.received.map((request) => [request.method, request.path, request.body.toString(), headersOf(request)]));
    await endlessOf(upstream)?.aborted;
    await until(() => server.runtime.openRequests === 0);
  });

  test('goes through the same on an engine within Entresol', async () => {
    const { result: expected } = await direct();
    const engine = new ForcedEngine();
    const server = await before(engine);
    const result = await (await load!())(contextOf(server.url, SIMULATED_MODEL));
    expect({ ...result, error: result.error.status }).toEqual({ ...expected, error: 404 });
    await until(() => engine.load().runningRequests === 0);
  });

  // Chat completions are what such a server speaks itself.
  if (dialect !== 'chat') test('goes through the same on a server that speaks chat completions only', async () => {
    const { result: expected } = await direct();
    const upstream = await upstreamWith('chat');
    const server = await before(new OpenAiEngine({ kind: 'openai-compatible', url: upstream.url }));
    const result = await (await load!())(contextOf(server.url, 'm'));
    expect({ ...result, error: result.error.status }).toEqual({ ...expected, error: 404 });
    await endlessOf(upstream)?.aborted;
  });
});
