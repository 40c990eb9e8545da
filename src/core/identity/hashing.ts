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
  /** Hashes of the prefixes that end at each whole multiple of `step` bytes (itself one of 32), shortest first; of a very long body only the first. */
  prefixes(step: number): bigint[];
  /**
   * Where the string ends whose quote is at `at`; -1 if it does not. To be asked from the start of the body to its end:
   * strings may be left out, none comes twice.
   */
  stringEnd(at: number): number;
}
