/** Which units are held where, told to the index and, as `kv-…` events, to everyone else. */
import type { EngineHost, ReplicaId, Tier, UnitId } from '../../../core/index.ts';
import type { HeldState, Unit } from './held-state.ts';
import type { IndexFeed } from './index-feed.ts';
import type { UnitTrie } from './unit-trie.ts';

const RANK: Readonly<Record<Tier, number>> = { device: 0, host: 1, disk: 2 };

function bestTier(unit: Unit): Tier | undefined {
  let best: Tier | undefined;
  for (const holder of unit.holders) if (best === undefined || RANK[holder.tier] < RANK[best]) best = holder.tier;
  return best;
}

export class Residency {
  readonly #trie: UnitTrie;
  readonly #feed: IndexFeed;
  readonly #host: EngineHost;
  readonly #replica: ReplicaId;

  constructor(trie: UnitTrie, feed: IndexFeed, host: EngineHost, replica: ReplicaId) {
    this.#trie = trie;
    this.#feed = feed;
    this.#host = host;
    this.#replica = replica;
  }

  /** From now on the state holds exactly these units, in this tier. An empty list releases it. */
  set(state: HeldState, units: readonly Unit[], tier: Tier = state.tier): void {
    const old = state.units;
    let common = 0;
    while (common < old.length && common < units.length && old[common] === units[common]) common++;
    const touched = tier === state.tier ? [...old.slice(common), ...units.slice(common)] : [...new Set([...old, ...units])];
    const before = touched.map(bestTier);
    for (const unit of old.slice(common)) unit.holders.delete(state);
    for (const unit of units.slice(common)) unit.holders.add(state);
    state.units = units;
    state.tier = tier;
    this.#report(touched, before);
    for (const unit of touched) {
      if (unit.holders.size > 0) this.#trie.held(unit);
      else this.#trie.released(unit);
    }
  }

  #report(touched: readonly Unit[], before: readonly (Tier | undefined)[]): void {
    const stored: UnitId[] = [];
    const removed: UnitId[] = [];
    const moved = new Map<Tier, UnitId[]>();
    touched.forEach((unit, at) => {
      const was = before[at];
      const is = bestTier(unit);
      if (was === is) return;
      if (was === undefined) stored.push(unit.id);
      else if (is === undefined) removed.push(unit.id);
      else moved.set(is, [...(moved.get(is) ?? []), unit.id]);
      if (was === undefined || is === undefined) this.#feed.setResident(unit, is !== undefined);
    });
    const base = { atMs: this.#host.clock.nowMs(), replica: this.#replica };
    if (stored.length > 0) this.#host.emit({ ...base, type: 'kv-stored', units: stored });
    if (removed.length > 0) this.#host.emit({ ...base, type: 'kv-removed', units: removed });
    for (const [tier, units] of moved) this.#host.emit({ ...base, type: 'kv-moved', units, tier });
  }
}
