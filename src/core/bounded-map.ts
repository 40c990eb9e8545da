/** A map that never holds more than `capacity` entries: the least recently read or written one goes first. */
export class BoundedMap<Key, Value> {
  readonly capacity: number;
  private readonly entries = new Map<Key, Value>();
  /**
   * Stands before the oldest entry: all that it has passed are gone or were put last again. A fresh iterator walks over
   * the places of deleted entries, thousands of them in a large map, each time. One that is kept holds on to what the
   * map was when it last moved, so it is let go once as many entries have moved as the map holds.
   */
  private oldestFirst: MapIterator<[Key, Value]> | undefined;
  private moved = 0;
  /** What was put last: one call asks for its session several times, and need move it once. */
  private last: Key | undefined;

  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1) throw new RangeError(`capacity must be a positive integer, not ${capacity}`);
    this.capacity = capacity;
  }

  get size(): number { return this.entries.size; }

  /** Reads without counting as a use. */
  peek(key: Key): Value | undefined { return this.entries.get(key); }

  get(key: Key): Value | undefined {
    const value = this.entries.get(key);
    if (value === undefined) return undefined;
    if (key !== this.last) this.putLast(key, value);
    return value;
  }

  /** Returns the entry that had to go, if any. */
  set(key: Key, value: Value): readonly [Key, Value] | undefined {
    this.putLast(key, value);
    return this.entries.size <= this.capacity ? undefined : this.evict();
  }

  delete(key: Key): boolean { return this.entries.delete(key); }

  /** Least recently used first. */
  [Symbol.iterator](): IterableIterator<[Key, Value]> { return this.entries[Symbol.iterator](); }

  private putLast(key: Key, value: Value): void {
    this.entries.delete(key);
    this.entries.set(key, value);
    this.last = key;
    this.moved += 1;
    if (this.moved > this.capacity) this.oldestFirst = undefined;
  }

  private evict(): [Key, Value] | undefined {
    this.oldestFirst ??= this.entries.entries();
    this.moved = 0;
    const oldest = this.oldestFirst.next().value;
    if (oldest !== undefined) this.entries.delete(oldest[0]);
    return oldest;
  }
}
