/**
 * Units in the order of their last use, in one or more classes: doubly linked lists over shared typed arrays. A unit
 * is in one list at most; every operation is O(1).
 */
import { grownInt32 } from '../../core/growing.ts';

export const NONE = -1;

export class RecencyLists {
  #newer = new Int32Array(1024);
  #older = new Int32Array(1024);
  /** The class of a linked unit, or -1. */
  #classes = new Int32Array(1024).fill(NONE);
  readonly #oldest: number[] = [];
  readonly #newest: number[] = [];

  constructor(classes = 1) {
    for (let index = 0; index < classes; index++) this.addClass();
  }

  get classCount(): number { return this.#oldest.length; }

  /** Makes an empty class and returns its number. */
  addClass(): number {
    this.#oldest.push(NONE);
    this.#newest.push(NONE);
    return this.#oldest.length - 1;
  }

  /** Makes room for ids up to and including `unit`. */
  reserve(unit: number): void {
    this.#newer = grownInt32(this.#newer, unit + 1, NONE);
    this.#older = grownInt32(this.#older, unit + 1, NONE);
    this.#classes = grownInt32(this.#classes, unit + 1, NONE);
  }

  /** The unit's class, or -1 if it is in no list. */
  classOf(unit: number): number { return this.#classes[unit]; }

  /** The least recently used unit of a class, or -1. */
  oldest(ofClass: number): number { return this.#oldest[ofClass]; }

  /** The next more recently used unit of the same class, or -1. */
  newerThan(unit: number): number { return this.#newer[unit]; }

  /** The unit becomes the most recently used of that class. */
  moveToNewest(unit: number, toClass = 0): void {
    if (this.#newest[toClass] === unit) return;
    this.remove(unit);
    this.#link(unit, toClass, this.#newest[toClass], NONE);
  }

  /** The unit becomes the next older one than `reference`, in its class. */
  moveBehind(unit: number, reference: number): void {
    if (unit === reference) return;
    this.remove(unit);
    this.#link(unit, this.#classes[reference], this.#older[reference], reference);
  }

  remove(unit: number): void {
    const fromClass = this.#classes[unit];
    if (fromClass === NONE) return;
    const newer = this.#newer[unit];
    const older = this.#older[unit];
    if (newer === NONE) this.#newest[fromClass] = older;
    else this.#older[newer] = older;
    if (older === NONE) this.#oldest[fromClass] = newer;
    else this.#newer[older] = newer;
    this.#classes[unit] = NONE;
  }

  get bytes(): number { return this.#classes.length * 12 + this.classCount * 16; }

  #link(unit: number, toClass: number, older: number, newer: number): void {
    this.#older[unit] = older;
    this.#newer[unit] = newer;
    this.#classes[unit] = toClass;
    if (older === NONE) this.#oldest[toClass] = unit;
    else this.#newer[older] = unit;
    if (newer === NONE) this.#newest[toClass] = unit;
    else this.#older[newer] = unit;
  }
}
