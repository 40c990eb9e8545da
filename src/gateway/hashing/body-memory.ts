/**
 * A body in the memory of a kilobyte of WebAssembly (body-memory.wat), where its strings and hashes are found: text of code is
 * full of escaped quotes, and a call of a library for each of them and for each message costs more than the bytes do.
 */
import type { BodyBytes } from '../../core/index.ts';
import { BODY_MEMORY_WASM } from './body-memory.wasm.ts';

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  findQuotes(from: number, length: number, escaped: number): number;
  hash(at: number, length: number, seed: bigint): bigint;
  hashPrefixes(at: number, step: number, count: number): void;
}
/** No library of types that this project uses declares it. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Exports };
};

/** The layout that body-memory.wat has. */
const WINDOW_BYTES = 16_384;
const HASHES_AT = 32_768;
const MAXIMUM_HASHES = 4096;
const BODY_AT = 65_536;
/** Read at once: what stands after the body must be no quotes of an earlier one. */
const BLOCK_BYTES = 64;
const PAGE_BYTES = 65_536;
/** A longer body's memory is given back with the next shorter one. */
const KEPT_BYTES = 8_388_608;

export class BodyMemory implements BodyBytes {
  private readonly module = new WebAssembly.Module(Buffer.from(BODY_MEMORY_WASM, 'base64'));
  private wasm!: Exports;
  private memory!: Uint8Array;
  private places!: Uint16Array;
  private hashes!: BigUint64Array;
  private length = 0;
  /** The part of the body whose quotes are known. */
  private start = 0;
  private end = 0;
  /** That part ends with a backslash that escapes what follows. */
  private escaped = 0;
  /** Quotes in it, and the first of them after where was asked last. */
  private count = 0;
  private next = 0;

  constructor() {
    this.open();
  }

  take(bytes: Uint8Array): void {
    const needed = BODY_AT + bytes.length + BLOCK_BYTES;
    if (this.memory.length > KEPT_BYTES && needed <= KEPT_BYTES) this.open();
    if (needed > this.memory.length) {
      this.wasm.memory.grow(Math.ceil((needed - this.memory.length) / PAGE_BYTES));
      this.view();
    }
    this.memory.set(bytes, BODY_AT);
    this.memory.fill(0, BODY_AT + bytes.length, needed);
    this.length = bytes.length;
    this.start = this.end = this.count = this.next = 0;
  }

  hash(start: number, end: number, seed: bigint): bigint {
    return BigInt.asUintN(64, this.wasm.hash(BODY_AT + start, end - start, seed));
  }

  prefixes(step: number): bigint[] {
    const count = Math.min(Math.floor(this.length / step), MAXIMUM_HASHES);
    this.wasm.hashPrefixes(BODY_AT, step, count);
    return Array.from(this.hashes.subarray(0, count));
  }

  stringEnd(at: number): number {
    if (at >= this.end) this.findQuotes(at, 0);
    const { places } = this;
    for (;;) {
      const inside = at - this.start;
      let { next } = this;
      while (next < this.count && places[next] <= inside) next += 1;
      this.next = next;
      if (next < this.count) return this.start + places[next];
      if (this.end >= this.length) return -1;
      this.findQuotes(this.end, this.escaped);
    }
  }

  private findQuotes(start: number, escaped: number): void {
    const end = Math.min(start + WINDOW_BYTES, this.length);
    const found = this.wasm.findQuotes(BODY_AT + start, end - start, escaped);
    this.start = start;
    this.end = end;
    this.escaped = found & 1;
    this.count = found >> 1;
    this.next = 0;
  }

  private open(): void {
    this.wasm = new WebAssembly.Instance(this.module).exports;
    this.view();
  }

  /** A memory that has grown is another buffer. */
  private view(): void {
    const { buffer } = this.wasm.memory;
    this.memory = new Uint8Array(buffer);
    this.places = new Uint16Array(buffer, 0, WINDOW_BYTES);
    this.hashes = new BigUint64Array(buffer, HASHES_AT, MAXIMUM_HASHES);
  }
}
