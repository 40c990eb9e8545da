import { unitId, type CacheUnit, type UnitId } from '../core/index.ts';

const NONE = -1;

function larger<A extends Int32Array | Float64Array | Uint8Array>(fresh: A, old: A): A {
  fresh.set(old);
  return fresh;
}

/**
 * The units of one cache, as the engine told them: who hangs from whom, what is resident, and how long ago each was
 * used. So that policies can come and go while the engine runs, and that there is an answer when none is in force:
 * least recently used, children before parents. Unit ids are dense: arrays, one row per id.
 */
export class ResidentTree {
  #parent = new Int32Array(0);
  #sizeBlocks = new Float64Array(0);
  #marginalPrefillMs = new Float64Array(0);
  #restoreMs = new Float64Array(0);
  /** 0: not defined, 1: defined, 2: resident. */
  #state = new Uint8Array(0);
  #residentChildren = new Int32Array(0);
  /** A list through all defined units, from the least to the most recently used. */
  #newer = new Int32Array(0);
  #older = new Int32Array(0);
  #oldest = NONE;
  #newest = NONE;
  #usedAtMs = new Float64Array(0);
  #size = 0;

  /** Units that are defined. */
  get size(): number { return this.#size; }

  #grow(id: number): void {
    if (id < this.#parent.length) return;
    const size = Math.max(64, 2 ** Math.ceil(Math.log2(id + 1)));
    this.#parent = larger(new Int32Array(size), this.#parent);
    this.#sizeBlocks = larger(new Float64Array(size), this.#sizeBlocks);
    this.#marginalPrefillMs = larger(new Float64Array(size), this.#marginalPrefillMs);
    this.#restoreMs = larger(new Float64Array(size), this.#restoreMs);
    this.#state = larger(new Uint8Array(size), this.#state);
    this.#residentChildren = larger(new Int32Array(size), this.#residentChildren);
    this.#newer = larger(new Int32Array(size), this.#newer);
    this.#older = larger(new Int32Array(size), this.#older);
    this.#usedAtMs = larger(new Float64Array(size), this.#usedAtMs);
  }

  #unlink(id: number): void {
    const older = this.#older[id];
    const newer = this.#newer[id];
    if (older === NONE) this.#oldest = newer; else this.#newer[older] = newer;
    if (newer === NONE) this.#newest = older; else this.#older[newer] = older;
  }

  #linkNewest(id: number): void {
    this.#older[id] = this.#newest;
    this.#newer[id] = NONE;
    if (this.#newest === NONE) this.#oldest = id; else this.#newer[this.#newest] = id;
    this.#newest = id;
  }

  #linkOldest(id: number): void {
    this.#newer[id] = this.#oldest;
    this.#older[id] = NONE;
    if (this.#oldest === NONE) this.#newest = id; else this.#older[this.#oldest] = id;
    this.#oldest = id;
  }

  has(unit: UnitId): boolean { return unit >= 0 && unit < this.#state.length && this.#state[unit] !== 0; }
  isResident(unit: UnitId): boolean { return unit >= 0 && unit < this.#state.length && this.#state[unit] === 2; }
  sizeBlocks(unit: UnitId): number { return this.#sizeBlocks[unit]; }
  parent(unit: UnitId): UnitId | undefined { return this.#parent[unit] === NONE ? undefined : unitId(this.#parent[unit]); }
  /** -Infinity: never. */
  usedAtMs(unit: UnitId): number { return this.has(unit) ? this.#usedAtMs[unit] : -Infinity; }
  residentChildren(unit: UnitId): number { return this.#residentChildren[unit]; }

  define(unit: CacheUnit): void {
    this.#grow(unit.id);
    if (this.#state[unit.id] !== 0) this.forget(unit.id);
    this.#parent[unit.id] = unit.parent ?? NONE;
    this.#sizeBlocks[unit.id] = unit.sizeBlocks;
    this.#marginalPrefillMs[unit.id] = unit.marginalPrefillMs;
    this.#restoreMs[unit.id] = unit.restoreMs ?? NaN;
    this.#state[unit.id] = 1;
    this.#size += 1;
    this.#residentChildren[unit.id] = 0;
    this.#usedAtMs[unit.id] = -Infinity;
    this.#linkOldest(unit.id);
  }

  /** The chain's last unit becomes more recent than all others, its ancestors more recent still. */
  touch(chain: Int32Array, nowMs: number): void {
    for (let index = chain.length - 1; index >= 0; index--) {
      if (!this.has(unitId(chain[index]))) continue;
      this.#unlink(chain[index]);
      this.#linkNewest(chain[index]);
      this.#usedAtMs[chain[index]] = nowMs;
    }
  }

  setResident(unit: UnitId, resident: boolean): void {
    if (!this.has(unit) || this.isResident(unit) === resident) return;
    this.#state[unit] = resident ? 2 : 1;
    const parent = this.parent(unit);
    if (parent !== undefined && this.has(parent)) this.#residentChildren[parent] += resident ? 1 : -1;
  }

  forget(unit: UnitId): void {
    if (!this.has(unit)) return;
    this.setResident(unit, false);
    this.#unlink(unit);
    this.#state[unit] = 0;
    this.#size -= 1;
  }

  /** Resident units, the least recently used first; a child always before its parent. */
  *oldestFirst(): Generator<UnitId> {
    for (let id = this.#oldest; id !== NONE;) {
      const next = this.#newer[id];
      if (this.#state[id] === 2) yield unitId(id);
      id = next;
    }
  }

  /** All defined units as they were defined, parents first, for an index that starts in the middle. */
  *parentsFirst(): Generator<CacheUnit> {
    for (let id = this.#newest; id !== NONE; id = this.#older[id]) {
      const parent = this.parent(unitId(id));
      const restoreMs = this.#restoreMs[id];
      yield {
        id: unitId(id), sizeBlocks: this.#sizeBlocks[id], marginalPrefillMs: this.#marginalPrefillMs[id],
        ...(parent === undefined || !this.has(parent) ? {} : { parent }), ...(Number.isNaN(restoreMs) ? {} : { restoreMs }),
      };
    }
  }

  bytes(): number { return this.#parent.length * (4 + 8 + 8 + 8 + 1 + 4 + 4 + 4 + 8); }
}
