export interface Evidence<Value> {
  readonly value: Value;
  /** The header, body field or inference that it came from, e.g. `header:x-entresol-session`, `lineage`. */
  readonly source: string;
  /** 0 to 1. */
  readonly confidence: number;
}
