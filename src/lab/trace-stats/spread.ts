/** Percentiles of very many values in bounded memory: counts in buckets, each 2 % wider than the one before. */
export interface Spread { readonly p10: number; readonly p50: number; readonly p90: number; readonly p99: number; readonly most: number }

const GROWTH = Math.log(1.02);
const SMALLEST = 1e-4;
/** Up to 10^14 times the smallest. */
const BUCKETS = 2 + Math.ceil(Math.log(1e14) / GROWTH);

export class SpreadCounter {
  readonly #counts = new Float64Array(BUCKETS);
  #total = 0;
  #most = 0;

  /** @param value from 0 */
  add(value: number): void {
    const bucket = value < SMALLEST ? 0 : Math.min(BUCKETS - 1, 1 + Math.floor(Math.log(value / SMALLEST) / GROWTH));
    this.#counts[bucket]++;
    this.#total++;
    if (value > this.#most) this.#most = value;
  }

  get total(): number { return this.#total; }

  /** Within 1 %; every value times `factor`. */
  spread(factor = 1): Spread {
    const at = (share: number): number => rounded(this.#at(share) * factor);
    return { p10: at(0.1), p50: at(0.5), p90: at(0.9), p99: at(0.99), most: rounded(this.#most * factor) };
  }

  #at(share: number): number {
    const rank = Math.floor(share * (this.#total - 1));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket];
      if (seen > rank) return bucket === 0 ? 0 : Math.min(this.#most, SMALLEST * Math.exp((bucket - 0.5) * GROWTH));
    }
    return 0;
  }
}

export function spreadOf(values: Iterable<number>): Spread {
  const counter = new SpreadCounter();
  for (const value of values) counter.add(value);
  return counter.spread();
}

export function rounded(value: number): number { return Number(value.toPrecision(4)); }
