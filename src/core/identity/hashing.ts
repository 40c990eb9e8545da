/** The hashing that identity needs, given from outside: fast and stable within a process, not for security. */
export interface Hashing {
  /** 16 hexadecimal digits. */
  text(text: string): string;
  /** 64 bits. A seed that is an earlier hash makes a chain. */
  bytes(bytes: Uint8Array, seed: bigint): bigint;
  /** Hashes of the prefixes that end at each whole multiple of `step` bytes, shortest first. */
  prefixes(bytes: Uint8Array, step: number): bigint[];
}
