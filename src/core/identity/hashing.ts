/** The hashing that identity needs, given from outside: fast and stable within a process, not for security. */
export interface Hashing {
  /** 16 hexadecimal digits. */
  text(text: string): string;
  /** 64 bits. A seed that is an earlier hash makes a chain. */
  bytes(bytes: Uint8Array, seed: bigint): bigint;
  readonly body: BodyBytes;
}

/** The body that is being read, for what is asked of it many times. Places are offsets in it. */
export interface BodyBytes {
  /** Takes in a body, in place of the one before. */
  take(bytes: Uint8Array): void;
  /** Equal to `bytes` of that part. */
  hash(start: number, end: number, seed: bigint): bigint;
  /**
   * The seed of hashes by which bytes are taken for bytes that were seen before; they stay in this process. Who writes bodies does not
   * know it: without it, other bytes of an equal hash can be computed.
   */
  readonly secret: bigint;
  /** Hashes, by the secret, the prefixes that end at each whole multiple of `step` bytes (itself one of 32); of a very long body only the first. @returns how many */
  hashPrefixes(step: number): number;
  /** The hash of a prefix of the body that was taken in last, shortest first. */
  prefix(index: number): bigint;
  /** The hash of a call: that of its name, a zero byte and its arguments without white space, escapes resolved; undefined where that needs a look at each character. */
  callHash(name: number, nameEnd: number, args: number, argsEnd: number, seed: bigint): bigint | undefined;
  /** Where the string ends whose quote is at `at`; -1 if it does not. */
  stringEnd(at: number): number;
  /** Past the value at `at`; -1 where there is none, or one that only a reader that goes byte by byte can tell about. */
  valueEnd(at: number): number;
  /** The same, and notes what the value holds (`notes`). */
  outline(at: number): number;
  /**
   * Of the value that was outlined last, four numbers for it and for each value in it that a message is told by
   * (outline/words.ts): what it is (`keyOf`, `wordOf`, `firstByteOf`), its start, its end, and where the notes go on after it.
   */
  readonly notes: Int32Array;
}
