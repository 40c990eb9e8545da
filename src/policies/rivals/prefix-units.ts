/** What an engine has told about its units: the prefix tree, what is resident, and how much hangs from each unit. */
import type { CacheUnit } from '../../core/index.ts';
import { grownFloat64, grownInt32, grownUint8 } from '../../core/growing.ts';
import { NONE } from '../lru/recency-lists.ts';

export class PrefixUnits {
  parents = new Int32Array(1024).fill(NONE);
  blocks = new Int32Array(1024);
  marginalMs = new Float64Array(1024);
  /** Resident units that hang from each unit: while there are any, it is no victim. */
  residentChildren = new Int32Array(1024);
  /** The most blocks that were ever resident: stands for the capacity where the engine does not state one. */
  mostResidentBlocks = 0;
  #residentBlocks = 0;
  #resident = new Uint8Array(1024);

  define(unit: CacheUnit): void {
    const { id } = unit;
    this.parents = grownInt32(this.parents, id + 1, NONE);
    this.blocks = grownInt32(this.blocks, id + 1);
    this.marginalMs = grownFloat64(this.marginalMs, id + 1);
    this.residentChildren = grownInt32(this.residentChildren, id + 1);
    this.#resident = grownUint8(this.#resident, id + 1);
    this.parents[id] = unit.parent ?? NONE;
    this.blocks[id] = unit.sizeBlocks;
    this.marginalMs[id] = unit.marginalPrefillMs;
    this.residentChildren[id] = 0;
  }

  isResident(unit: number): boolean { return this.#resident[unit] === 1; }

  isLeaf(unit: number): boolean { return this.#resident[unit] === 1 && this.residentChildren[unit] === 0; }

  /** Answers whether that changes anything. */
  setResident(unit: number, resident: boolean): boolean {
    if ((this.#resident[unit] === 1) === resident) return false;
    this.#resident[unit] = resident ? 1 : 0;
    const parent = this.parents[unit];
    if (parent !== NONE) this.residentChildren[parent] += resident ? 1 : -1;
    this.#residentBlocks += resident ? this.blocks[unit] : -this.blocks[unit];
    if (this.#residentBlocks > this.mostResidentBlocks) this.mostResidentBlocks = this.#residentBlocks;
    return true;
  }

  get bytes(): number { return this.parents.length * 21; }
}
