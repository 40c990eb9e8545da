/** A session as tokens, known before it runs: for the working set, the search for a load, and the replay of traces. */
export interface PlannedCall {
  readonly agent: string;
  /** Distinguishes several contexts of one role; the role itself where there is one. */
  readonly instance: string;
  readonly prompt: Int32Array;
  /** The answer that is forced. */
  readonly output: Int32Array;
  /** Pause after this call in units of the mean pause; the last call's comes before the next session. */
  readonly pauseUnits: number;
}
export interface PlannedSession {
  readonly id: string;
  readonly calls: readonly PlannedCall[];
}

/** Leading tokens that both have. */
export function commonPrefixLength(a: Int32Array, b: Int32Array): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}
