/**
 * A histogram of positive quantities in log-spaced buckets, 8 per doubling: quantiles are right to within 5 %,
 * one record is an addition. Bounded: 2 KB whatever is recorded.
 */
const BUCKETS_PER_DOUBLING = 8;
const DOUBLINGS = 32;
const SIZE = BUCKETS_PER_DOUBLING * DOUBLINGS;

export class LatencyHistogram {
  readonly #counts = new Float64Array(SIZE + 1);
  #count = 0;
  #sum = 0;
  #maximum = 0;
  readonly #smallest: number;

  /** @param smallest everything below it falls into the first bucket, in the unit that is recorded */
  constructor(smallest = 0.01) {
    this.#smallest = smallest;
  }

  record(value: number): void {
    if (!(value >= 0) || value === Infinity) return;
    const position = value <= this.#smallest ? 0 : Math.ceil(Math.log2(value / this.#smallest) * BUCKETS_PER_DOUBLING);
    this.#counts[Math.min(SIZE, position)] += 1;
    this.#count += 1;
    this.#sum += value;
    if (value > this.#maximum) this.#maximum = value;
  }

  get count(): number { return this.#count; }
  get sum(): number { return this.#sum; }
  get mean(): number { return this.#count === 0 ? 0 : this.#sum / this.#count; }

  /** Upper bound of the bucket at `position`. */
  #bound(position: number): number {
    return this.#smallest * 2 ** (position / BUCKETS_PER_DOUBLING);
  }

  /** @param q in [0, 1]; 0 if nothing was recorded */
  quantile(q: number): number {
    if (this.#count === 0) return 0;
    const rank = Math.max(1, Math.ceil(q * this.#count));
    let seen = 0;
    for (let position = 0; position <= SIZE; position++) {
      seen += this.#counts[position];
      if (seen >= rank) {
        const middle = position === 0 ? this.#smallest : Math.sqrt(this.#bound(position - 1) * this.#bound(position));
        return Math.min(middle, this.#maximum);
      }
    }
    return this.#maximum;
  }

  /** How many recorded values are at most `limit`, to within one bucket. */
  countAtMost(limit: number): number {
    let seen = 0;
    for (let position = 0; position <= SIZE && this.#bound(position) <= limit * 1.000001; position++) seen += this.#counts[position];
    return seen;
  }
}
