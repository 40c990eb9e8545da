/** xxHash as identity wants it. Its WebAssembly is small and quick, and needs no native build. */
import type { XXHashAPI } from 'xxhash-wasm';
import type { Hashing } from '../../core/index.ts';
import { BodyMemory } from './body-memory.ts';

export function hashingOf({ h64ToString, h64Raw }: XXHashAPI): Hashing {
  return {
    text: (text) => h64ToString(text),
    bytes: (bytes, seed) => h64Raw(bytes, seed),
    body: new BodyMemory(),
  };
}
