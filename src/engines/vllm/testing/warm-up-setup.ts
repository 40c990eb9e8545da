/** For tests of warm-ups: an engine before a stand-in that shows which of the calls that it got are warm-ups. */
import { closeLater } from '../../../../test/support/gateway-setup.ts';
import { startUpstream, type ReceivedRequest, type Script, type ScriptedUpstream } from '../../../../test/support/scripted-upstream.ts';
import { agentId, LOCAL_TENANT, sessionId, tenantId, workloadId, type CacheTarget, type EngineCall, type Outcome } from '../../../core/index.ts';
import { engineCall, RecordingAnswer, RecordingHost } from '../../embedded/testing/recording-answer.ts';
import type { UpstreamOptions } from '../../upstream/options.ts';
import { VllmEngine } from '../engine.ts';
import { vllmSettings } from '../settings.ts';
import { vllmScript } from './stand-in.ts';

export interface Setup { readonly engine: VllmEngine; readonly host: RecordingHost; readonly server: ScriptedUpstream }

export async function before(script: Script = vllmScript(1), options: Partial<UpstreamOptions> = {}, warmUp: { readonly memoryBytes?: number; readonly share?: number } = {}): Promise<Setup> {
  const server = await startUpstream(script);
  closeLater(() => server.close());
  const engine = new VllmEngine({ url: server.url, proxy: 'none', retryMs: 5, ...options }, vllmSettings.parse({ control: 'none', kvEvents: 'none', warmUp: { memoryBytes: 2 ** 20, ...warmUp } }));
  const host = new RecordingHost();
  await engine.start(host);
  closeLater(() => engine.stop(0));
  return { engine, host, server };
}

export function settledLater<Value>(): { readonly promise: Promise<Value>; resolve(value: Value): void } {
  let resolve: (value: Value) => void = () => undefined;
  const promise = new Promise<Value>((settle) => { resolve = settle; });
  return { promise, resolve: (value) => resolve(value) };
}

/** A client's credential. */
export const KEY = 'Bearer of-a-client';

export function callOf(body: object, { tenant = LOCAL_TENANT as string, session = 's', agent = 'a' } = {}): EngineCall {
  const call = engineCall('chat', { model: 'm', ...body }, { session });
  return { ...call, headers: [...call.headers, 'authorization', KEY], request: { ...call.request, by: { ...call.request.by, tenant: tenantId(tenant), agent: agentId(agent) } } };
}

export const target = ({ tenant = LOCAL_TENANT as string, session = 's', agent = 'a' } = {}): CacheTarget =>
  ({ kind: 'lineage', tenant: tenantId(tenant), workload: workloadId('w'), session: sessionId(session), agent: agentId(agent) });
export const prefetch = (engine: VllmEngine, of: Parameters<typeof target>[0] = {}): Promise<Outcome> => engine.perform({ kind: 'prefetch', target: target(of) });
export const serve = (engine: VllmEngine, call: EngineCall): Promise<unknown> => engine.handle(call, new RecordingAnswer());
export const isWarmUp = ({ path, body }: ReceivedRequest): boolean => path === '/v1/chat/completions' && body.includes('"max_completion_tokens":1,');
export const warmUps = ({ received }: ScriptedUpstream): ReceivedRequest[] => received.filter(isWarmUp);
export const words = ({ received }: ScriptedUpstream): unknown => JSON.parse(received.at(-1)!.body.toString());

/** Answers calls of completions with this usage, all else as the stand-in. */
export function answersWith(usage: () => { readonly prompt_tokens: number; readonly cached_tokens?: number }, options: { readonly warmUps?: Script; readonly metrics?: object } = {}): Script {
  const plain = vllmScript(1);
  return (request, response) => {
    if (options.warmUps !== undefined && isWarmUp(request)) return options.warmUps(request, response);
    if (request.path !== '/v1/chat/completions' || request.body.includes('"n":')) return plain(request, response);
    const { prompt_tokens, cached_tokens } = usage();
    return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'ok' } }],
      usage: { prompt_tokens, completion_tokens: 1, ...(cached_tokens === undefined ? {} : { prompt_tokens_details: { cached_tokens } }) }, ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
    }));
  };
}

/** What policies were told: whether warm-ups are offered, load by load. */
export const offers = ({ events }: RecordingHost): boolean[] => events.flatMap((event) => (event.type === 'engine-load' ? [event.warmsUp !== undefined] : []));
