export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

/** Nearest rank, downward; 0 for no samples. */
export function percentiles(samples: readonly number[]): Percentiles {
  if (samples.length === 0) return { p50: 0, p99: 0 };
  const sorted = Float64Array.from(samples).sort();
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))];
  return { p50: at(0.5), p99: at(0.99) };
}
