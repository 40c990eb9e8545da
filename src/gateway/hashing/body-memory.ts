/**
 * A body in the memory of two kilobytes of WebAssembly (body-memory.wat), where its values are found and its parts hashed: what is
 * compiled ahead needs no warming, makes no garbage, and looks at sixteen bytes at a time.
 */
import { randomBytes } from 'node:crypto';
import { LONGEST_WORD, OUTLINE_WORDS, type BodyBytes } from '../../core/index.ts';
import { BODY_MEMORY_WASM } from './body-memory.wasm.ts';

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  begin(end: number): void;
  string(at: number): number;
  value(at: number): number;
  outline(at: number): number;
  hash(at: number, length: number, seed: bigint): bigint;
  hashPrefixes(at: number, step: number, count: number, seed: bigint): void;
  squeezeCall(name: number, nameEnd: number, args: number, argsEnd: number): number;
}
/** No library of types that this project uses declares it. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Exports };
};

/** The layout that body-memory.wat has. */
const NOTES_BYTES = 32_768;
const HASHES_AT = 32_768;
const MAXIMUM_HASHES = 4096;
const WORDS_AT = 65_536;
const WORD_BYTES = 32;
const WORD_TEXT_AT = 8;
const WORD_SLOTS = 256;
const SPARE_WORD_SLOTS = 32;
/** Where texts of calls are put together: they may be as long as this page. */
const SCRATCH_AT = 131_072;
const BODY_AT = 196_608;
/** Read at once: what stands after the body must be no part of an earlier one. */
const BLOCK_BYTES = 64;
const PAGE_BYTES = 65_536;
/** A longer body's memory is given back with the next shorter one. */
const KEPT_BYTES = 8_388_608;

/** The table of words: each in the slot that its length, first and last byte give, or in the next that is free. */
function wordTable(): Uint8Array {
  const table = new Uint8Array((WORD_SLOTS + SPARE_WORD_SLOTS) * WORD_BYTES);
  OUTLINE_WORDS.forEach(({ word, opens }, index) => {
    const bytes = Buffer.from(word);
    if (bytes.length > LONGEST_WORD) throw new RangeError(`${word} is longer than ${LONGEST_WORD} bytes`);
    let slot = ((bytes.length * 5 + bytes[0] * 3 + bytes[bytes.length - 1]) % WORD_SLOTS) * WORD_BYTES;
    while (slot < table.length && table[slot] !== 0) slot += WORD_BYTES;
    if (slot >= table.length || index >= 255) throw new RangeError(`there is no room for ${word} among the words`);
    table[slot] = bytes.length;
    table[slot + 2] = index + 1;
    table[slot + 3] = opens ? 1 : 0;
    table.set(bytes, slot + WORD_TEXT_AT);
  });
  return table;
}
const WORD_TABLE = wordTable();

export class BodyMemory implements BodyBytes {
  notes!: Int32Array;
  readonly secret: bigint;
  private readonly module = new WebAssembly.Module(Buffer.from(BODY_MEMORY_WASM, 'base64'));
  private wasm!: Exports;
  private memory!: Uint8Array;
  private hashes!: BigUint64Array;
  private length = 0;

  constructor(secret = randomBytes(8).readBigUInt64LE()) {
    this.secret = secret;
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
    this.wasm.begin(BODY_AT + bytes.length);
  }

  hash(start: number, end: number, seed: bigint): bigint {
    return BigInt.asUintN(64, this.wasm.hash(BODY_AT + start, end - start, seed));
  }

  hashPrefixes(step: number): number {
    const count = Math.min(Math.floor(this.length / step), MAXIMUM_HASHES);
    this.wasm.hashPrefixes(BODY_AT, step, count, this.secret);
    return count;
  }

  prefix(index: number): bigint { return this.hashes[index]; }

  callHash(name: number, nameEnd: number, args: number, argsEnd: number, seed: bigint): bigint | undefined {
    const length = this.wasm.squeezeCall(BODY_AT + name, BODY_AT + nameEnd, BODY_AT + args, BODY_AT + argsEnd);
    return length < 0 ? undefined : BigInt.asUintN(64, this.wasm.hash(SCRATCH_AT, length, seed));
  }

  stringEnd(at: number): number { return Math.max(-1, this.placed(this.wasm.string(BODY_AT + at)) - 1); }
  valueEnd(at: number): number { return this.placed(this.wasm.value(BODY_AT + at)); }
  outline(at: number): number { return this.placed(this.wasm.outline(BODY_AT + at)); }

  /** An address of the module as a place in the body; 0, which says that there is none, as -1. */
  private placed(address: number): number { return address === 0 ? -1 : address - BODY_AT; }

  private open(): void {
    this.wasm = new WebAssembly.Instance(this.module).exports;
    this.view();
    this.memory.set(WORD_TABLE, WORDS_AT);
  }

  /** A memory that has grown is another buffer. */
  private view(): void {
    const { buffer } = this.wasm.memory;
    this.memory = new Uint8Array(buffer);
    this.notes = new Int32Array(buffer, 0, NOTES_BYTES / 4);
    this.hashes = new BigUint64Array(buffer, HASHES_AT, MAXIMUM_HASHES);
  }
}
