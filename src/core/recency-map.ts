import { grownInt32 } from './growing.ts';

/** Stands before the oldest entry and after the newest. */
const ENDS = 0;

/**
 * A map in the order of its entries' last uses. A Map alone has that order if each use deletes an entry and adds it again, but
 * what was deleted keeps its place until the table is made anew, at twice its size: a map of twenty thousand sessions grows by a
 * megabyte once each has called again. Here the order lies in two columns beside, and a use changes six numbers.
 *
 * For what comes and goes with every call there is a second reason. V8 leads from each table that a Map or Set has outgrown to the next
 * one; once the first is old, every later one survives each young collection, with all values that it had, until the whole heap is
 * collected: a Set of open calls keeps the bodies of thousands that have ended. The table here holds keys and numbers only.
 */
export class RecencyMap<Key, Value> {
  private readonly places = new Map<Key, number>();
  /** By place, from 1 on. */
  private readonly keys: (Key | undefined)[] = [undefined];
  private readonly values: (Value | undefined)[] = [undefined];
  /** Neighbours by place; places that are free are chained by `newer`. */
  private older = new Int32Array(1);
  private newer = new Int32Array(1);
  private free = ENDS;

  get size(): number { return this.places.size; }

  /** Reads without counting as a use. */
  get(key: Key): Value | undefined {
    const place = this.places.get(key);
    return place === undefined ? undefined : this.values[place];
  }

  /** Reads and makes it the newest. */
  use(key: Key): Value | undefined {
    const place = this.places.get(key);
    if (place === undefined) return undefined;
    this.putLast(place);
    return this.values[place];
  }

  /** The entry is the newest then. */
  set(key: Key, value: Value): void {
    const known = this.places.get(key);
    if (known !== undefined) {
      this.values[known] = value;
      this.putLast(known);
      return;
    }
    const place = this.takePlace();
    this.places.set(key, place);
    this.keys[place] = key;
    this.values[place] = value;
    this.link(place);
  }

  delete(key: Key): boolean {
    const place = this.places.get(key);
    if (place === undefined) return false;
    this.places.delete(key);
    this.unlink(place);
    this.keys[place] = undefined;
    this.values[place] = undefined;
    this.newer[place] = this.free;
    this.free = place;
    return true;
  }

  /** The entry whose last use is longest ago. */
  oldest(): [Key, Value] | undefined {
    const place = this.newer[ENDS];
    return place === ENDS ? undefined : this.entry(place);
  }

  /** Oldest first. The entry that was given last may be deleted meanwhile, no other. */
  * [Symbol.iterator](): IterableIterator<[Key, Value]> {
    for (let place = this.newer[ENDS]; place !== ENDS;) {
      const next = this.newer[place];
      yield this.entry(place);
      place = next;
    }
  }

  private entry(place: number): [Key, Value] { return [this.keys[place] as Key, this.values[place] as Value]; }

  private takePlace(): number {
    const { free } = this;
    if (free !== ENDS) {
      this.free = this.newer[free];
      return free;
    }
    const place = this.keys.length;
    this.older = grownInt32(this.older, place + 1);
    this.newer = grownInt32(this.newer, place + 1);
    return place;
  }

  private putLast(place: number): void {
    if (this.older[ENDS] === place) return;
    this.unlink(place);
    this.link(place);
  }

  private link(place: number): void {
    const before = this.older[ENDS];
    this.older[place] = before;
    this.newer[place] = ENDS;
    this.newer[before] = place;
    this.older[ENDS] = place;
  }

  private unlink(place: number): void {
    const before = this.older[place];
    const after = this.newer[place];
    this.newer[before] = after;
    this.older[after] = before;
  }
}
