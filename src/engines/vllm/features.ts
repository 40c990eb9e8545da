/** What a vLLM can and cannot do, in words, for `entresol doctor`. */
import type { DiscoveredFeature } from '../../core/index.ts';
import type { CacheLink } from './cache-link.ts';
import type { VllmSettings } from './settings.ts';
import type { Fields } from './side-channel/messages.ts';
import type { Surface } from './surface.ts';
import { warmUpObstacle } from './warm-up-obstacle.ts';
import type { WarmUps } from './warm-ups.ts';

type Available = DiscoveredFeature['available'];
const available = (value: boolean | undefined): Available => (value === undefined ? 'unknown' : value ? 'yes' : 'no');
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function feature(name: string, value: boolean | undefined, words: { detail?: string; mend?: string } = {}): DiscoveredFeature {
  const { detail, mend } = words;
  return { name, available: available(value), ...(detail === undefined ? {} : { detail }), ...(mend === undefined || value === true ? {} : { mend }) };
}

export function featuresOf(surface: Surface, link: CacheLink | undefined, settings: VllmSettings, warmUps?: WarmUps): readonly DiscoveredFeature[] {
  const { fields, figures } = surface;
  const having = (field: keyof Surface['fields']): { detail?: string } => {
    const dialects = fields[field];
    return dialects === undefined || dialects.size === 0 ? {} : { detail: [...dialects].join(', ') };
  };
  const size = figures?.capacityBlocks === undefined ? {} : { detail: `${figures.capacityBlocks} blocks of ${figures.blockTokens ?? '?'} tokens${surface.contextTokens === undefined ? '' : `; ${surface.model} takes ${surface.contextTokens} tokens`}` };
  return [
    feature('tells its load', figures !== undefined, { ...size, mend: 'Let GET /metrics through.' }),
    feature('keeps caches of tenants apart', fields.cache_salt === undefined ? undefined : fields.cache_salt.size > 0, { ...having('cache_salt'), mend: 'A vLLM with cache_salt (0.9 or newer) keeps them apart; this one lets tenants share.' }),
    feature('orders its queue by priority', surface.ordersByPriority, { mend: 'Start it with --scheduling-policy priority.' }),
    feature('counts cached tokens', surface.countsCachedTokens, { mend: 'Start it with --enable-prompt-tokens-details.' }),
    feature('times each call', surface.timesRequests, { mend: 'Start it with --enable-per-request-metrics (0.25 or newer).' }),
    feature('takes fields for plugins', fields.vllm_xargs === undefined ? undefined : fields.vllm_xargs.size > 0, having('vllm_xargs')),
    prefixCache(surface),
    ...events(link, settings),
    ...(link?.computesNames === undefined ? [] : [feature('names blocks as can be computed from a prompt', link.computesNames, { mend: 'Start it with --prefix-caching-hash-algo sha256_cbor (and without PYTHONHASHSEED), for routers that name blocks by themselves; nothing here needs it.' })]),
    ...steering(link, settings),
    ...(warmUps === undefined ? [] : [warming(warmUps, surface, link)]),
  ];
}

function prefixCache({ figures }: Surface): DiscoveredFeature {
  const { prefixQueries, prefixHits } = figures ?? {};
  const words = prefixQueries === undefined || prefixHits === undefined ? {} : { detail: prefixQueries === 0 ? 'not asked yet' : `${percent(prefixHits / prefixQueries)} of ${prefixQueries} tokens so far` };
  return feature('finds prefixes in its cache', figures === undefined ? undefined : prefixQueries !== undefined, { ...words, mend: 'Start it with --enable-prefix-caching.' });
}

const EVENTS_MEND = 'Start it with --kv-events-config \'{"enable_kv_cache_events":true,"publisher":"zmq","endpoint":"tcp://*:5557","replay_endpoint":"tcp://*:5558"}\' (with tcp://*, for with an address it connects instead of listening).';

function events(link: CacheLink | undefined, { kvEvents }: VllmSettings): DiscoveredFeature[] {
  const followed = [...link?.subscriptions() ?? []];
  if (followed.length === 0 || link === undefined) return [feature('publishes what it caches', kvEvents === 'none' ? undefined : false, kvEvents === 'none' ? { detail: 'not asked for (kvEvents: none)' } : { mend: EVENTS_MEND })];
  return followed.map(([rank, { counts, connected }]) => {
    const cache = link.mirror.rank(rank);
    const detail = `rank ${rank}: ${connected ? 'connected' : 'not connected'}, ${counts.messages} messages (${counts.replayed} by replay, ${counts.lost} lost), ${counts.restarts} restarts; ${cache.resident} blocks resident`;
    return feature('publishes what it caches', counts.messages > 0 || connected, { detail, mend: EVENTS_MEND });
  });
}

function steering(link: CacheLink | undefined, { control }: VllmSettings): DiscoveredFeature[] {
  const hellos = link?.hellos() ?? [];
  const mend = 'Install the package entresol-vllm beside vLLM (docs/before-your-vllm.md): pip install ./integrations/vllm, of the npm package or a checkout.';
  if (hellos.length === 0 || link === undefined) return [feature('evicts as it is told', control === 'none' ? undefined : false, control === 'none' ? { detail: 'not asked for (control: none)' } : { mend })];
  if (link.isAnothers) {
    return [feature('evicts as it is told', false, {
      detail: `the package that answers at ${link.endpoints().join(', ')} is in another vLLM`, mend: 'Give each vLLM of a machine an ENTRESOL_VLLM_ENDPOINT of its own, and name it under vllm.control.endpoints.',
    })];
  }
  const { touched, unknown } = link.touches.counts;
  const { keys, messages } = link.leases.counts;
  return hellos.map(({ packageVersion, mode, reason, rank }) => feature('evicts as it is told', mode === 'active', {
    detail: `rank ${rank}: entresol-vllm ${packageVersion}, ${mode}${reason === undefined ? '' : ` (${reason})`}; ${touched} calls reported, ${unknown} of others; ${keys} leases in ${messages} messages${ofPackage(link.packageCounts().get(rank))}`,
    ...(reason === undefined ? {} : { mend: 'The reason says which probe failed; a newer package may know this vLLM.' }),
  }));
}

/** What the package itself counts: what is protected now, and what pressure took all the same. */
function ofPackage(counts: Fields | undefined): string {
  const of = (name: string): number => (typeof counts?.[name] === 'number' ? counts[name] : 0);
  return counts === undefined ? '' : `; it holds ${of('leases')} leases, has handed out ${of('handedOut')} blocks, ${of('handedOutLeased')} of them under a lease, evicted ${of('evictedOnCommand')} on command, let ${of('leasesExpired')} leases run out; ${of('malformed') + of('refused')} messages refused, ${of('faults')} faults`;
}

function warming(warmUps: WarmUps, surface: Surface, link: CacheLink | undefined): DiscoveredFeature {
  const name = 'is warmed up where a policy asks';
  const obstacle = warmUpObstacle({ warmUps, surface, figures: surface.figures, link });
  if (obstacle !== undefined) return feature(name, false, obstacle);
  const { counts: { made, givenUp, promptTokens, cachedTokens }, kept } = warmUps;
  return feature(name, true, { detail: `${made} made (${promptTokens} tokens, ${cachedTokens} of them found), ${givenUp} given up; ${kept.size} calls kept in ${kept.bytes} bytes` });
}
