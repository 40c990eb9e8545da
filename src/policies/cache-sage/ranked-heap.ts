import { grownFloat64, grownInt32 } from '../../core/growing.ts';

/**
 * A binary heap of small integers, lowest key first, whose members can be ranked anew or taken out wherever they are. Keys lie
 * in the heap's own order: a way through it reads neighbours.
 */
export class RankedHeap {
  private items = new Int32Array(64);
  /** By place. */
  private keys = new Float64Array(64);
  private ties = new Float64Array(64);
  /** By item; -1: not in the heap. */
  private places = new Int32Array(64).fill(-1);
  private count = 0;
  private readonly withTies: boolean;

  /** @param withTies whether items of one key have an order: `tie` counts */
  constructor(withTies = true) {
    this.withTies = withTies;
    if (!withTies) this.ties = new Float64Array(0);
  }

  get size(): number {
    return this.count;
  }
  get bytes(): number {
    return this.items.byteLength + this.places.byteLength + this.keys.byteLength + this.ties.byteLength;
  }
  has(item: number): boolean {
    return item < this.places.length && this.places[item] >= 0;
  }
  /** The lowest, or -1. */
  top(): number {
    return this.count === 0 ? -1 : this.items[0];
  }
  /** Of an item that is in the heap. */
  keyOf(item: number): number {
    return this.keys[this.places[item]];
  }
  at(place: number): number {
    return this.items[place];
  }

  /** Adds the item or ranks it anew. Of equal keys the one with the lower `tie` comes first. */
  set(item: number, key: number, tie = 0): void {
    if (item >= this.places.length) this.places = grownInt32(this.places, item + 1, -1);
    const place = this.places[item];
    if (place < 0) {
      const end = this.count++;
      if (end >= this.items.length) {
        this.items = grownInt32(this.items, this.count);
        this.keys = grownFloat64(this.keys, this.count);
        if (this.withTies) this.ties = grownFloat64(this.ties, this.count);
      }
      this.settle(item, key, tie, end);
    } else if (this.keys[place] !== key || (this.withTies && this.ties[place] !== tie)) this.settle(item, key, tie, place);
  }

  remove(item: number): void {
    if (!this.has(item)) return;
    const place = this.places[item];
    this.places[item] = -1;
    const end = --this.count;
    const last = this.items[end];
    if (last !== item) this.settle(last, this.keys[end], this.withTies ? this.ties[end] : 0, place);
  }

  clear(): void {
    for (let place = 0; place < this.count; place++) this.places[this.items[place]] = -1;
    this.count = 0;
  }

  /** Puts the item where it belongs, given that `start` is free. */
  private settle(item: number, key: number, tie: number, start: number): void {
    const { items, keys, ties, count, withTies } = this;
    let place = start;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const difference = key - keys[parent];
      if (!(difference < 0 || (difference === 0 && withTies && tie < ties[parent]))) break;
      this.move(parent, place);
      place = parent;
    }
    if (place === start) {
      for (;;) {
        let child = 2 * place + 1;
        if (child >= count) break;
        if (child + 1 < count) {
          const difference = keys[child + 1] - keys[child];
          if (difference < 0 || (difference === 0 && withTies && ties[child + 1] < ties[child])) child++;
        }
        const difference = keys[child] - key;
        if (!(difference < 0 || (difference === 0 && withTies && ties[child] < tie))) break;
        this.move(child, place);
        place = child;
      }
    }
    items[place] = item;
    keys[place] = key;
    if (withTies) ties[place] = tie;
    this.places[item] = place;
  }
  private move(from: number, to: number): void {
    const item = this.items[from];
    this.items[to] = item;
    this.keys[to] = this.keys[from];
    if (this.withTies) this.ties[to] = this.ties[from];
    this.places[item] = to;
  }
}
