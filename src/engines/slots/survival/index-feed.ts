/**
 * Tells each tenant's retention index in force of every unit: defined, touched, resident, forgotten. When another
 * index comes into force (a policy was switched), it is told of everything that is known by then.
 */
import type { Coordinate, EngineHost, RetentionIndex, TenantId, Touch } from '../../../core/index.ts';
import type { PrefillCost } from '../prefill-cost.ts';
import type { Unit } from './held-state.ts';
import type { UnitTrie } from './unit-trie.ts';

const MAXIMUM_TENANTS = 4096;

export class IndexFeed {
  readonly #host: EngineHost;
  readonly #cost: PrefillCost;
  readonly #known = new Map<TenantId, RetentionIndex | undefined>();
  #trie!: UnitTrie;

  constructor(host: EngineHost, cost: PrefillCost) {
    this.#host = host;
    this.#cost = cost;
  }

  /** The trie and its feed know each other. */
  attach(trie: UnitTrie): void {
    this.#trie = trie;
  }

  of(tenant: TenantId): RetentionIndex | undefined {
    const index = this.#host.retention(tenant);
    if (index !== this.#known.get(tenant)) {
      if (this.#known.size >= MAXIMUM_TENANTS) this.#known.clear();
      this.#known.set(tenant, index);
      if (index !== undefined) this.#introduce(tenant, index);
    }
    return index;
  }

  define(unit: Unit): void {
    const known = this.#known.get(unit.tenant);
    const index = this.of(unit.tenant);
    // An index that came just now was told of this unit with all others.
    if (index !== undefined && index === known) this.#define(index, unit);
  }

  touch(chain: readonly Unit[], first: number, origin: Touch['origin'], by: Coordinate, nowMs: number): void {
    const index = this.of(by.tenant);
    if (index === undefined) return;
    const units = new Int32Array(chain.length);
    for (let at = 0; at < chain.length; at++) units[at] = chain[at].id;
    index.touch({ by, units, first, origin }, nowMs);
  }

  setResident(unit: Unit, resident: boolean): void {
    this.of(unit.tenant)?.setResident(unit.id, resident);
  }

  forget(unit: Unit): void {
    this.of(unit.tenant)?.forget(unit.id);
  }

  #define(index: RetentionIndex, unit: Unit): void {
    const { unitTokens } = this.#trie;
    index.define({
      id: unit.id,
      parent: unit.parent?.id,
      sizeBlocks: 1,
      marginalPrefillMs: this.#cost.marginalMs(unitTokens, unit.index * unitTokens),
      restoreMs: this.#cost.restoreMs(unitTokens),
    });
  }

  #introduce(tenant: TenantId, index: RetentionIndex): void {
    const units = [...this.#trie.all(tenant)].sort((a, b) => a.index - b.index);
    for (const unit of units) {
      this.#define(index, unit);
      if (unit.holders.size > 0) index.setResident(unit.id, true);
    }
  }
}
