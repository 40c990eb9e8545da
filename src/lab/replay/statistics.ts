/** The value below which the share `p` of the samples lies (nearest rank, downward); 0 for none. */
export function percentile(samples: readonly number[], p: number): number {
  if (samples.length === 0) return 0;
  const sorted = Float64Array.from(samples).sort();
  return sorted[Math.floor(p * (sorted.length - 1))];
}
