/** What a vLLM server is and takes, found by asking it. */
import type { Dialect } from '../../core/index.ts';
import type { UpstreamServer } from '../upstream/adapter.ts';
import { readMetricsPage, type EngineFigures } from './metrics-page.ts';
import { isFields, type Fields } from './side-channel/messages.ts';

export interface EventSource {
  readonly rank: number;
  readonly endpoint: string;
  readonly replayEndpoint?: string;
  readonly topic: string;
}

/** Undefined: it could not be told. */
type Told = boolean | undefined;

export interface Surface {
  readonly version?: string;
  readonly model?: string;
  readonly contextTokens?: number;
  readonly figures?: EngineFigures;
  /** Dialects whose requests have the field; undefined: it does not say. */
  readonly fields: Readonly<Record<'cache_salt' | 'vllm_xargs', ReadonlySet<Dialect> | undefined>>;
  readonly dialects?: readonly Dialect[];
  /** A call with another priority than 0 is served. */
  readonly ordersByPriority: Told;
  readonly countsCachedTokens: Told;
  readonly timesRequests: Told;
  readonly eventSources?: readonly EventSource[];
}

type Body = Readonly<Record<string, unknown>>;

/** The least that each dialect takes: one token of one token, shorter than a block, so that it leaves nothing in the cache. */
const LEAST: readonly (readonly [Dialect, string, Body])[] = [
  ['completions', '/v1/completions', { prompt: [1], max_tokens: 1 }],
  ['responses', '/v1/responses', { input: 'x', max_output_tokens: 1 }],
  ['messages', '/v1/messages', { messages: [{ role: 'user', content: 'x' }], max_tokens: 1 }],
];
/** Values that no server takes that knows the field; one that does not know it ignores it. */
const REFUSED = { cache_salt: 0, vllm_xargs: { a: { b: 1 } } } as const;

async function askJson(server: UpstreamServer, path: string, body?: unknown): Promise<{ status: number; content: unknown }> {
  const { status, body: bytes } = await server.ask(path, body === undefined ? {} : { body });
  try {
    return { status, content: JSON.parse(bytes.toString('utf8')) };
  } catch {
    // Not every path answers in JSON, nor every server has every path: then it says nothing.
    return { status, content: undefined };
  }
}

const fieldsIn = (value: unknown): Fields => (isFields(value) ? value : {});

/** @throws where the server cannot be reached */
export async function exploreSurface(server: UpstreamServer): Promise<Surface> {
  const [version, models, metrics, sources] = await Promise.all([askJson(server, '/version'), askJson(server, '/v1/models'), server.ask('/metrics'), askJson(server, '/kv_event_sources')]);
  const [first] = Array.isArray(fieldsIn(models.content).data) ? fieldsIn(models.content).data as readonly unknown[] : [];
  const { id, max_model_len: contextTokens } = fieldsIn(first);
  const figures = metrics.status === 200 ? readMetricsPage(metrics.body.toString('utf8')) : undefined;
  const versionText = fieldsIn(version.content).version;
  const model = typeof id === 'string' ? id : undefined;
  const eventSources = sources.status === 200 ? readSources(sources.content) : undefined;
  return {
    ...(typeof versionText === 'string' ? { version: versionText } : {}), ...(model === undefined ? {} : { model }), ...(typeof contextTokens === 'number' ? { contextTokens } : {}),
    ...(figures === undefined ? {} : { figures }), ...(eventSources === undefined ? {} : { eventSources }),
    ...(model === undefined
      ? { ordersByPriority: undefined, countsCachedTokens: undefined, timesRequests: undefined, fields: { cache_salt: undefined, vllm_xargs: undefined } }
      : { ...await tryCall(server, model), ...await tryFields(server, model) }),
  };
}

/** A field is known where a wrong value of it is refused. No page of the server's own is read: to make it holds up its calls. */
async function tryFields(server: UpstreamServer, model: string): Promise<Pick<Surface, 'fields' | 'dialects'>> {
  const fields = { cache_salt: new Set<Dialect>(), vllm_xargs: new Set<Dialect>() };
  const dialects: Dialect[] = ['chat', 'embeddings'];
  await Promise.all(LEAST.map(async ([dialect, path, body]) => {
    const refusals = await Promise.all((['cache_salt', 'vllm_xargs'] as const).map(async (field) => {
      const { status } = await askJson(server, path, { model, ...body, [field]: REFUSED[field] });
      if (status === 400 || status === 422) fields[field].add(dialect);
      return status;
    }));
    if (!refusals.includes(404)) dialects.push(dialect);
  }));
  // Chat has had both for as long as completions.
  for (const known of Object.values(fields)) if (known.has('completions')) known.add('chat');
  return { fields, dialects };
}

async function tryCall(server: UpstreamServer, model: string): Promise<Pick<Surface, 'ordersByPriority' | 'countsCachedTokens' | 'timesRequests'>> {
  const body = { model, prompt: [1], max_tokens: 1 };
  const ordered = await askJson(server, '/v1/completions', { ...body, priority: 1 });
  const { status, content } = ordered.status === 400 ? await askJson(server, '/v1/completions', body) : ordered;
  if (status !== 200 || !isFields(content)) return { ordersByPriority: undefined, countsCachedTokens: undefined, timesRequests: undefined };
  return { ordersByPriority: ordered.status === 200, countsCachedTokens: isFields(fieldsIn(content.usage).prompt_tokens_details), timesRequests: isFields(content.metrics) };
}

/** One token of one token, under a tag that the package repeats in its report of the call. @returns whether it was served */
export async function serveTagged(server: UpstreamServer, model: string, tag: string): Promise<boolean> {
  const { status } = await server.ask('/v1/completions', { body: { model, prompt: [1], max_tokens: 1, vllm_xargs: { entresol_tag: tag } } });
  return status === 200;
}

/** A map by rank, or (later versions) a list. */
function readSources(content: unknown): EventSource[] {
  const entries: readonly (readonly [number, unknown])[] = Array.isArray(content) ? content.map((value: unknown, index) => [index, value] as const) : Object.entries(fieldsIn(content)).map(([rank, value]) => [Number(rank), value] as const);
  return entries.flatMap(([place, value]) => {
    const { endpoint, replay_endpoint: replayEndpoint, topic, data_parallel_rank: rank } = fieldsIn(value);
    if (typeof endpoint !== 'string' || !Number.isInteger(place)) return [];
    return [{ rank: typeof rank === 'number' ? rank : place, endpoint, topic: typeof topic === 'string' ? topic : '', ...(typeof replayEndpoint === 'string' && replayEndpoint !== '' ? { replayEndpoint } : {}) }];
  }).sort((a, b) => a.rank - b.rank);
}

/** An engine publishes on all its addresses, or on one that is its own: from here it is where its HTTP is. */
export function reachableEndpoint(endpoint: string, origin: string): string {
  const host = new URL(origin).hostname;
  return endpoint.replace(/^tcp:\/\/(?:\*|0\.0\.0\.0|\[::\])(?=:\d)/, `tcp://${host}`);
}

export const isLoopback = (origin: string): boolean => /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/i.test(new URL(origin).hostname);
