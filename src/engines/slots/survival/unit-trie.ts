/**
 * Prompts cut into units: blocks of `unitTokens` tokens, each identified by its own tokens and all before it, kept in
 * one prefix trie per tenant. A prompt's resident prefix is found by walking its own blocks, whatever is resident.
 *
 * Hashes only find candidates: whoever reuses a state compares tokens. Each tenant has units of its own, so nothing is
 * found across tenants, whatever their hashes are.
 */
import { unitId, type SessionId, type TenantId, type UnitId } from '../../../core/index.ts';
import type { Unit } from './held-state.ts';

export class UnitTrie {
  readonly unitTokens: number;
  readonly #bound: number;
  readonly #onForget: (unit: Unit) => void;
  /** By tenant, then by key. Tenants without units are forgotten. */
  readonly #units = new Map<TenantId, Map<number, Unit>>();
  #size = 0;
  readonly #freeIds: number[] = [];
  #nextId = 0;
  readonly #byId: (Unit | undefined)[] = [];
  /** Leaves that nothing refers to, least recently used first. */
  readonly #idle = new Set<Unit>();

  /** @param bound remembered units: beyond it, those that nothing refers to are forgotten */
  constructor(unitTokens: number, bound: number, onForget: (unit: Unit) => void) {
    this.unitTokens = unitTokens;
    this.#bound = bound;
    this.#onForget = onForget;
  }

  get size(): number { return this.#size; }

  byId(id: UnitId): Unit | undefined { return this.#byId[id]; }

  all(tenant: TenantId): Iterable<Unit> { return this.#units.get(tenant)?.values() ?? []; }

  /** The known units of a prefix, root first; with `define` the unknown ones are made and handed to it, parents first. */
  chain(tenant: TenantId, tokens: Int32Array, define?: (unit: Unit) => void): Unit[] {
    const chain: Unit[] = [];
    const count = Math.floor(tokens.length / this.unitTokens);
    let low = 0x811c9dc5;
    let high = 0x1b873593;
    let parent: Unit | undefined;
    for (let index = 0; index < count; index++) {
      const end = (index + 1) * this.unitTokens;
      for (let at = index * this.unitTokens; at < end; at++) {
        low = Math.imul(low ^ tokens[at], 0x01000193);
        low ^= low >>> 15;
        high = Math.imul(high + tokens[at], 0x85ebca6b);
        high ^= high >>> 13;
      }
      // 53 bits: all that a number holds exactly.
      const key = (high >>> 0) * 2 ** 21 + (low >>> 11);
      const found = this.#units.get(tenant)?.get(key);
      // Another prefix with the same hash: what lies beyond is not tracked.
      if (found !== undefined && found.parent !== parent) break;
      if (found === undefined && define === undefined) break;
      const unit: Unit = found ?? this.#make(tenant, parent, index, key);
      if (found === undefined) define?.(unit);
      chain.push(unit);
      parent = unit;
    }
    return chain;
  }

  /** Notes a use of the chain. */
  touch(chain: readonly Unit[], session: SessionId, nowMs: number): void {
    for (const unit of chain) {
      unit.lastTouchMs = nowMs;
      if (unit.firstSession === undefined) unit.firstSession = session;
      else if (unit.firstSession !== session) unit.shared = true;
      if (this.#idle.delete(unit)) this.#idle.add(unit);
    }
  }

  pin(chain: readonly Unit[]): void {
    const last = chain.at(-1);
    if (last === undefined) return;
    last.pins++;
    this.#idle.delete(last);
  }

  unpin(chain: readonly Unit[]): void {
    const last = chain.at(-1);
    if (last === undefined) return;
    last.pins--;
    this.released(last);
  }

  /** To be called when a unit may have lost its last holder. */
  released(unit: Unit): void {
    if (unit.children === 0 && unit.pins === 0 && unit.holders.size === 0) this.#idle.add(unit);
  }

  held(unit: Unit): void {
    this.#idle.delete(unit);
  }

  /** Forgets idle units, oldest first, until the bound is kept or none is idle. */
  prune(): void {
    while (this.#size > this.#bound) {
      const [oldest] = this.#idle;
      if (oldest === undefined) return;
      this.#forget(oldest);
    }
  }

  #forget(unit: Unit): void {
    this.#idle.delete(unit);
    const units = this.#units.get(unit.tenant);
    if (units?.delete(unit.key) === true) this.#size--;
    if (units?.size === 0) this.#units.delete(unit.tenant);
    this.#byId[unit.id] = undefined;
    this.#freeIds.push(unit.id);
    this.#onForget(unit);
    if (unit.parent === undefined) return;
    unit.parent.children--;
    this.released(unit.parent);
  }

  #make(tenant: TenantId, parent: Unit | undefined, index: number, key: number): Unit {
    const id = unitId(this.#freeIds.pop() ?? this.#nextId++);
    const unit: Unit = {
      id, tenant, parent, index, key,
      children: 0, pins: 0, holders: new Set(), firstSession: undefined, shared: false, lastTouchMs: -1,
    };
    let units = this.#units.get(tenant);
    if (units === undefined) this.#units.set(tenant, units = new Map());
    units.set(key, unit);
    this.#size++;
    this.#byId[id] = unit;
    this.#idle.add(unit);
    if (parent !== undefined) {
      parent.children++;
      this.#idle.delete(parent);
    }
    return unit;
  }
}
