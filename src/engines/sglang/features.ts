/** What an SGLang can and cannot do, in words, for `entresol doctor`. */
import type { DiscoveredFeature } from '../../core/index.ts';
import type { ResidentFollower } from '../kv-events/resident-follower.ts';
import type { ServerInfo } from './server-info.ts';

export const classesEvict = ({ priorityScheduling, evictionPolicy }: ServerInfo): boolean => priorityScheduling && evictionPolicy === 'priority';

export function featuresOf(info: ServerInfo | undefined, residents?: Pick<ResidentFollower, 'residentBlocks' | 'counts'>): readonly DiscoveredFeature[] {
  const feature = (name: string, has: boolean | undefined, mend: string, detail?: string): DiscoveredFeature =>
    ({ name, available: has === undefined ? 'unknown' : has ? 'yes' : 'no', ...(detail === undefined ? {} : { detail }), ...(has === true ? {} : { mend }) });
  const asked = 'let GET /server_info through, if a proxy stands before it';
  if (info === undefined) return [{ name: 'tells what it is', available: 'no', detail: 'calls pass through; nothing is added to them', mend: asked }];
  return [
    feature('keeps prefixes', info.prefixCache, 'start it without --disable-radix-cache', info.blockTokens === undefined ? undefined : `pages of ${info.blockTokens} tokens${info.capacityTokens === undefined ? '' : `, ${info.capacityTokens} tokens in all`}`),
    feature('counts cached tokens', info.reportsCachedTokens, 'start it with --enable-cache-report'),
    feature('keeps by class of priority', classesEvict(info), 'start it with --enable-priority-scheduling --radix-eviction-policy priority', `evicts by ${info.evictionPolicy ?? 'a policy that it does not name'}`),
    feature('keeps open sessions longer', info.sessionCache, 'start it with --enable-session-radix-cache'),
    feature('tells its load', info.metrics, 'start it with --enable-metrics'),
    feature('publishes KV events', info.kvEvents !== undefined, 'start it with --kv-events-config \'{"publisher":"zmq","endpoint":"tcp://*:5557"}\'', info.kvEvents === undefined ? undefined : `port ${info.kvEvents.port}, ${info.kvEvents.ranks === 1 ? 'one rank' : `${info.kvEvents.ranks} ranks`}${residents === undefined ? ', not followed' : `, ${residents.residentBlocks} blocks resident by ${residents.counts.messages} messages, ${residents.counts.lost} lost`}`),
  ];
}
