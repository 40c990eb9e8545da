import { float16Bits } from './float16.ts';

/** A stream of 32-bit integers (xorshift32): integer arithmetic only, so that the bytes are equal on every platform. */
export class WeightStream {
  #state: number;

  constructor(seed: number) {
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) | 0 || 1;
  }

  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state;
  }
}

/** Q8_0: blocks of 32 weights, a half-precision scale and 32 signed bytes each. */
const BLOCK_WEIGHTS = 32;
const BLOCK_BYTES = 2 + BLOCK_WEIGHTS;
/** Standard deviation of the bytes below, uniform in [-127, 127]. */
const BYTE_DEVIATION = 73.6;

export function quantisedBytes(weights: number): number {
  return (weights / BLOCK_WEIGHTS) * BLOCK_BYTES;
}

/** Random weights of the given standard deviation, `weights` a multiple of 32. */
export function randomWeights(stream: WeightStream, weights: number, deviation: number): Uint8Array {
  const bytes = new Uint8Array(quantisedBytes(weights));
  const scale = float16Bits(deviation / BYTE_DEVIATION);
  for (let block = 0; block < bytes.length; block += BLOCK_BYTES) {
    bytes[block] = scale & 0xff;
    bytes[block + 1] = scale >>> 8;
    for (let index = 2; index < BLOCK_BYTES; index += 4) {
      const bits = stream.next();
      for (let byte = 0; byte < 4; byte++) {
        const value = (bits >>> (8 * byte)) & 0xff;
        // -128 would make the range lopsided.
        bytes[block + index + byte] = value === 0x80 ? 0 : value;
      }
    }
  }
  return bytes;
}

/** Sets the weights of one row to zero, so that its output is exactly 0. */
export function clearRow(bytes: Uint8Array, row: number, rowWeights: number): void {
  const rowBytes = quantisedBytes(rowWeights);
  bytes.fill(0, row * rowBytes, (row + 1) * rowBytes);
}

export function ones(count: number): Uint8Array {
  return new Uint8Array(Float32Array.from({ length: count }, () => 1).buffer);
}
