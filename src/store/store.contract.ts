/** What every store must do. Call it from a test file of each member. */
import { describe, expect, it } from 'vitest';
import { array, assert, asyncProperty, nat } from 'fast-check';
import type { Clock } from '../core/index.ts';
import type { Store } from './store.ts';

const MAXIMUM_ENTRIES = 4;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function keysOf(store: Store): Promise<string[]> {
  const keys: string[] = [];
  for await (const entry of store.entries()) keys.push(entry.key);
  return keys.sort();
}

export function storeContract(name: string, create: (clock: Clock, maximumEntries: number) => Promise<Store>): void {
  describe(`store contract: ${name}`, () => {
    it('gives back what was set, the latest of each key, and nothing for the rest', async () => {
      const store = await create({ nowMs: () => 0 }, MAXIMUM_ENTRIES);
      await store.set('a', bytes('one'));
      await store.set('a', bytes('two'));
      await store.set('b/../\u0000 odd key', bytes(''));
      expect(await store.get('a')).toEqual(bytes('two'));
      expect(await store.get('b/../\u0000 odd key')).toEqual(bytes(''));
      expect(await store.get('c')).toBeUndefined();
      await store.delete('a');
      await store.delete('never there');
      expect(await store.get('a')).toBeUndefined();
      expect(await keysOf(store)).toEqual(['b/../\u0000 odd key']);
    });

    it('keeps a copy: later changes to the bytes change nothing', async () => {
      const store = await create({ nowMs: () => 0 }, MAXIMUM_ENTRIES);
      const value = bytes('abc');
      await store.set('a', value);
      value[0] = 0;
      const read = await store.get('a');
      if (read !== undefined) read[1] = 0;
      expect(await store.get('a')).toEqual(bytes('abc'));
    });

    it('forgets an entry when its time is up', async () => {
      let nowMs = 1000;
      const store = await create({ nowMs: () => nowMs }, MAXIMUM_ENTRIES);
      await store.set('short', bytes('x'), { ttlMs: 10 });
      await store.set('long', bytes('y'));
      nowMs = 1009;
      expect(await store.get('short')).toEqual(bytes('x'));
      nowMs = 1010;
      expect(await keysOf(store)).toEqual(['long']);
      expect(await store.get('short')).toBeUndefined();
    });

    it('never holds more than its bound and never loses the last write', async () => {
      await assert(asyncProperty(array(nat(9), { minLength: 1, maxLength: 20 }), async (writes) => {
        const store = await create({ nowMs: () => 0 }, MAXIMUM_ENTRIES);
        for (const write of writes) {
          await store.set(`key ${write}`, bytes(String(write)));
          expect((await keysOf(store)).length).toBeLessThanOrEqual(MAXIMUM_ENTRIES);
          expect(await store.get(`key ${write}`)).toEqual(bytes(String(write)));
        }
        if (new Set(writes).size <= MAXIMUM_ENTRIES) expect((await keysOf(store)).length).toBe(new Set(writes).size);
        await store.close();
      }), { numRuns: 25 });
    });
  });
}
