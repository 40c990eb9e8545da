/** xxHash as identity wants it. Its WebAssembly is small and quick, and needs no native build. */
import type { XXHashAPI } from 'xxhash-wasm';
import type { Hashing } from '../core/index.ts';

export function hashingOf({ h64ToString, h64Raw, create64 }: XXHashAPI): Hashing {
  return {
    text: (text) => h64ToString(text),
    bytes: (bytes, seed) => h64Raw(bytes, seed),
    prefixes: (bytes, step) => {
      const state = create64();
      const hashes: bigint[] = [];
      for (let end = step; end <= bytes.length; end += step) hashes.push(state.update(bytes.subarray(end - step, end)).digest());
      return hashes;
    },
  };
}
