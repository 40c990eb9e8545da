import { grownFloat64, grownInt32 } from './growing.ts';

/** A binary heap of small integers, lowest key first, whose members can be ranked anew or taken out wherever they are. */
export class RankedHeap {
  private items = new Int32Array(64);
  private places = new Int32Array(64).fill(-1);
  private keys = new Float64Array(64);
  private ties = new Float64Array(64);
  private count = 0;

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
  keyOf(item: number): number {
    return this.keys[item];
  }
  at(place: number): number {
    return this.items[place];
  }

  /** Adds the item or ranks it anew. Of equal keys the one with the lower `tie` comes first. */
  set(item: number, key: number, tie = 0): void {
    if (item >= this.places.length) {
      this.places = grownInt32(this.places, item + 1, -1);
      this.keys = grownFloat64(this.keys, item + 1);
      this.ties = grownFloat64(this.ties, item + 1);
    }
    this.keys[item] = key;
    this.ties[item] = tie;
    let place = this.places[item];
    if (place < 0) {
      place = this.count++;
      this.items = grownInt32(this.items, this.count);
      this.items[place] = item;
      this.places[item] = place;
    }
    this.down(this.up(place));
  }

  remove(item: number): void {
    if (!this.has(item)) return;
    const place = this.places[item];
    this.places[item] = -1;
    const last = this.items[--this.count];
    if (last === item) return;
    this.items[place] = last;
    this.places[last] = place;
    this.down(this.up(place));
  }

  clear(): void {
    for (let place = 0; place < this.count; place++) this.places[this.items[place]] = -1;
    this.count = 0;
  }

  private before(first: number, second: number): boolean {
    const difference = this.keys[first] - this.keys[second];
    return difference < 0 || (difference === 0 && this.ties[first] < this.ties[second]);
  }
  private up(start: number): number {
    let place = start;
    const item = this.items[place];
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.before(item, this.items[parent])) break;
      this.put(this.items[parent], place);
      place = parent;
    }
    this.put(item, place);
    return place;
  }
  private down(start: number): void {
    let place = start;
    const item = this.items[place];
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.count) break;
      if (child + 1 < this.count && this.before(this.items[child + 1], this.items[child])) child++;
      if (!this.before(this.items[child], item)) break;
      this.put(this.items[child], place);
      place = child;
    }
    this.put(item, place);
  }
  private put(item: number, place: number): void {
    this.items[place] = item;
    this.places[item] = place;
  }
}
