import { RecencyMap } from './recency-map.ts';

/** A map that never holds more than `capacity` entries: the least recently read or written one goes first. */
export class BoundedMap<Key, Value> {
  readonly capacity: number;
  private readonly entries = new RecencyMap<Key, Value>();

  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1) throw new RangeError(`capacity must be a positive integer, not ${capacity}`);
    this.capacity = capacity;
  }

  get size(): number { return this.entries.size; }

  /** Reads without counting as a use. */
  peek(key: Key): Value | undefined { return this.entries.get(key); }

  get(key: Key): Value | undefined { return this.entries.use(key); }

  /** Returns the entry that had to go, if any. */
  set(key: Key, value: Value): readonly [Key, Value] | undefined {
    this.entries.set(key, value);
    if (this.entries.size <= this.capacity) return undefined;
    const oldest = this.entries.oldest();
    if (oldest !== undefined) this.entries.delete(oldest[0]);
    return oldest;
  }

  delete(key: Key): boolean { return this.entries.delete(key); }

  /** Least recently used first. */
  [Symbol.iterator](): IterableIterator<[Key, Value]> { return this.entries[Symbol.iterator](); }
}
