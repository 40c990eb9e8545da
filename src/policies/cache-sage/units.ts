import type { CacheUnit, UnitId } from '../../core/index.ts';
import { grownFloat64, grownInt32, grownUint8 } from '../../core/growing.ts';

/** What the engine told about each unit, by its id. */
export class UnitTable {
  parent = new Int32Array(64).fill(-1);
  /** The group that the unit belongs to; -1 before its first use. */
  group = new Int32Array(64).fill(-1);
  blocks = new Int32Array(64);
  costMs = new Float64Array(64);
  /** To bring it back from a lower tier; NaN where there is none. */
  restoreMs = new Float64Array(64);
  resident = new Uint8Array(64);
  private known = new Uint8Array(64);

  define(unit: CacheUnit): void {
    const id = unit.id;
    if (id >= this.known.length) this.grow(id + 1);
    this.parent[id] = unit.parent ?? -1;
    this.group[id] = -1;
    this.blocks[id] = unit.sizeBlocks;
    this.costMs[id] = unit.marginalPrefillMs;
    this.restoreMs[id] = unit.restoreMs ?? NaN;
    this.resident[id] = 0;
    this.known[id] = 1;
  }
  private grow(length: number): void {
    this.parent = grownInt32(this.parent, length, -1);
    this.group = grownInt32(this.group, length, -1);
    this.blocks = grownInt32(this.blocks, length);
    this.costMs = grownFloat64(this.costMs, length);
    this.restoreMs = grownFloat64(this.restoreMs, length);
    this.resident = grownUint8(this.resident, length);
    this.known = grownUint8(this.known, length);
  }
  isKnown(id: UnitId | number): boolean {
    return id >= 0 && id < this.known.length && this.known[id] === 1;
  }
  forget(id: UnitId): void {
    this.known[id] = 0;
    this.group[id] = -1;
    this.parent[id] = -1;
    this.resident[id] = 0;
  }
  get bytes(): number {
    return this.parent.byteLength * 3 + this.costMs.byteLength * 2 + this.resident.byteLength * 2;
  }
}
