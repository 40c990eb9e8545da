/** Output tokens per call, by agent: histograms over powers of two, shrunk towards that of all agents. */
import type { Quantiles } from '../core/index.ts';
import { AGENT_SLOTS } from './agent-table.ts';
import { lengthBucket } from './hash.ts';
import type { TableReader, TableWriter } from './table-codec.ts';

const BUCKETS = 18;
const ROWS = AGENT_SLOTS + 2;
const ALL = AGENT_SLOTS + 1;
const COUNTER_LIMIT = 255;
const PRIOR_WEIGHT = 4;

export class OutputLength {
  private readonly counts = new Uint8Array(ROWS * BUCKETS);

  learn(slot: number, tokens: number): void {
    const bucket = Math.min(BUCKETS - 1, lengthBucket(tokens));
    for (const row of [slot, ALL]) {
      const start = row * BUCKETS;
      if (this.counts[start + bucket] === COUNTER_LIMIT) for (let at = start; at < start + BUCKETS; at++) this.counts[at] >>= 1;
      this.counts[start + bucket]++;
    }
  }

  /** Undefined before the first answer of any agent. */
  forecast(slot: number): Quantiles | undefined {
    const all = this.row(ALL);
    const allTotal = sum(all);
    if (allTotal === 0) return undefined;
    const mass = this.row(slot).map((count, bucket) => count + (PRIOR_WEIGHT * all[bucket]) / allTotal);
    const total = sum(mass);
    return { p10: quantile(mass, 0.1 * total), p50: quantile(mass, 0.5 * total), p90: quantile(mass, 0.9 * total) };
  }

  forget(slot: number): void {
    this.counts.fill(0, slot * BUCKETS, (slot + 1) * BUCKETS);
  }

  save(writer: TableWriter): void {
    writer.bytes(this.counts);
  }
  load(reader: TableReader): void {
    reader.bytes(this.counts);
  }

  private row(row: number): number[] {
    return Array.from(this.counts.subarray(row * BUCKETS, (row + 1) * BUCKETS));
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Bucket b holds lengths from 2^b − 1 to 2^(b+1) − 2; the value is interpolated within it. */
function quantile(mass: readonly number[], wanted: number): number {
  let left = wanted;
  for (let bucket = 0; bucket < mass.length; bucket++) {
    if (left <= mass[bucket]) return Math.round(2 ** bucket - 1 + (2 ** bucket - 1) * (left / mass[bucket]));
    left -= mass[bucket];
  }
  return 2 ** mass.length - 1;
}
