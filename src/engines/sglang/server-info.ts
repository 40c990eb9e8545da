/** What `GET /server_info` tells of an SGLang: its arguments, its version, where it publishes KV events. */
import { isObject } from '../../core/fields.ts';
import type { UpstreamServer } from '../upstream/adapter.ts';
import { askJson } from '../upstream/ask-json.ts';

export interface KvEventSource {
  /** `*`: where its HTTP is. */
  readonly host: string;
  /** Of rank 0; the others follow. */
  readonly port: number;
  readonly topic: string;
  readonly blockTokens: number;
  readonly ranks: number;
}

export interface ServerInfo {
  readonly version?: string;
  /** Drawn anew at each start unless it was set. */
  readonly seed?: number;
  readonly evictionPolicy?: string;
  readonly priorityScheduling: boolean;
  readonly lowValuesFirst: boolean;
  readonly reportsCachedTokens: boolean;
  readonly sessionCache: boolean;
  readonly hierarchicalCache: boolean;
  readonly metrics: boolean;
  readonly prefixCache: boolean;
  readonly blockTokens?: number;
  readonly capacityTokens?: number;
  readonly kvEvents?: KvEventSource;
}

const textIn = (fields: Readonly<Record<string, unknown>>, name: string): string | undefined => (typeof fields[name] === 'string' ? fields[name] : undefined);
const countIn = (fields: Readonly<Record<string, unknown>>, name: string): number | undefined => (Number.isSafeInteger(fields[name]) ? (fields[name] as number) : undefined);

function kvEventsIn(value: unknown): KvEventSource | undefined {
  if (!isObject(value) || value.publisher !== 'zmq') return undefined;
  const port = countIn(value, 'endpoint_port_base');
  const blockTokens = countIn(value, 'block_size');
  if (port === undefined || port < 1 || port > 65_535 || blockTokens === undefined || blockTokens < 1) return undefined;
  return { host: textIn(value, 'endpoint_host') ?? '*', port, blockTokens, topic: textIn(value, 'topic') ?? '', ranks: Math.min(1024, Math.max(1, countIn(value, 'dp_size') ?? 1)) };
}

function capacityIn(fields: Readonly<Record<string, unknown>>): number | undefined {
  const states: readonly unknown[] = Array.isArray(fields.internal_states) ? fields.internal_states : [];
  for (const place of [fields, fields.scheduler_info, ...states]) {
    const tokens = isObject(place) ? countIn(place, 'max_total_num_tokens') : undefined;
    if (tokens !== undefined && tokens > 0) return tokens;
  }
  return undefined;
}

/** Undefined: what came is not an SGLang's. */
export function readServerInfo(content: unknown): ServerInfo | undefined {
  if (!isObject(content) || !(typeof content.version === 'string' || 'radix_eviction_policy' in content || 'page_size' in content)) return undefined;
  const { version, seed, evictionPolicy, blockTokens, capacityTokens, kvEvents } = {
    version: textIn(content, 'version'), seed: countIn(content, 'random_seed'), evictionPolicy: textIn(content, 'radix_eviction_policy'),
    blockTokens: countIn(content, 'page_size'), capacityTokens: capacityIn(content), kvEvents: kvEventsIn(content.kv_events),
  };
  return {
    ...(version === undefined ? {} : { version }), ...(seed === undefined ? {} : { seed }), ...(evictionPolicy === undefined ? {} : { evictionPolicy }),
    priorityScheduling: content.enable_priority_scheduling === true, lowValuesFirst: content.schedule_low_priority_values_first === true,
    reportsCachedTokens: content.enable_cache_report === true, sessionCache: content.enable_session_radix_cache === true,
    hierarchicalCache: content.enable_hierarchical_cache === true, metrics: content.enable_metrics === true, prefixCache: content.disable_radix_cache !== true,
    ...(blockTokens === undefined ? {} : { blockTokens }), ...(capacityTokens === undefined ? {} : { capacityTokens }), ...(kvEvents === undefined ? {} : { kvEvents }),
  };
}

/** Undefined: it does not tell, or is another server. */
export async function askServerInfo(server: UpstreamServer): Promise<ServerInfo | undefined> {
  // The second name is that of versions before it.
  for (const path of ['/server_info', '/get_server_info']) {
    const content = await askJson(server, path);
    if (content === undefined) continue;
    const info = readServerInfo(content);
    if (info === undefined) server.host.trouble('answer-garbage', path);
    return info;
  }
  return undefined;
}
