import type { Clock } from '../core/index.ts';
import type { Store, StoreEntry } from './store.ts';

interface Kept {
  readonly value: Uint8Array;
  readonly expiresAtMs: number;
}

/** A store that ends with the process. */
export class MemoryStore implements Store {
  /** In the order of writing: the first was written longest ago. */
  readonly #kept = new Map<string, Kept>();
  readonly #clock: Clock;
  readonly #maximumEntries: number;

  constructor(options: { readonly clock: Clock; readonly maximumEntries: number }) {
    this.#clock = options.clock;
    this.#maximumEntries = Math.max(1, options.maximumEntries);
  }

  get(key: string): Promise<Uint8Array | undefined> {
    const kept = this.#kept.get(key);
    if (kept === undefined) return Promise.resolve(undefined);
    if (kept.expiresAtMs <= this.#clock.nowMs()) {
      this.#kept.delete(key);
      return Promise.resolve(undefined);
    }
    return Promise.resolve(kept.value.slice());
  }

  set(key: string, value: Uint8Array, options: { readonly ttlMs?: number } = {}): Promise<void> {
    this.#kept.delete(key);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size < this.#maximumEntries) break;
      this.#kept.delete(oldest);
    }
    this.#kept.set(key, { value: value.slice(), expiresAtMs: options.ttlMs === undefined ? Infinity : this.#clock.nowMs() + options.ttlMs });
    return Promise.resolve();
  }

  delete(key: string): Promise<void> {
    this.#kept.delete(key);
    return Promise.resolve();
  }

  async *entries(): AsyncIterable<StoreEntry> {
    for (const key of this.#kept.keys()) {
      const value = await this.get(key);
      if (value !== undefined) yield { key, value };
    }
  }

  close(): Promise<void> {
    this.#kept.clear();
    return Promise.resolve();
  }
}
