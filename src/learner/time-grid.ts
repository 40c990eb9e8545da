/** The one grid of times: half octaves from 100 ms; the first bin starts at 0. Gaps are learned up to 819 s: their last bin takes all that is longer. */
export const TIME_BINS = 26;
/** Sums of gaps go on to 29 hours on the same grid. */
export const SUM_BINS = 40;
const SHORTEST_MS = 100;
const BINS_PER_OCTAVE = 2;

export const BIN_LOW_MS = new Float64Array(SUM_BINS);
export const BIN_HIGH_MS = new Float64Array(SUM_BINS);
/** Geometric middle of each bin. */
export const BIN_MIDDLE_MS = new Float64Array(SUM_BINS);
for (let bin = 0; bin < SUM_BINS; bin++) {
  BIN_LOW_MS[bin] = bin === 0 ? 0 : SHORTEST_MS * 2 ** (bin / BINS_PER_OCTAVE);
  BIN_HIGH_MS[bin] = SHORTEST_MS * 2 ** ((bin + 1) / BINS_PER_OCTAVE);
  BIN_MIDDLE_MS[bin] = SHORTEST_MS * 2 ** ((bin + 0.5) / BINS_PER_OCTAVE);
}

export function timeBin(ms: number, bins = TIME_BINS): number {
  if (!(ms > SHORTEST_MS)) return 0;
  return Math.min(bins - 1, Math.floor(Math.log2(ms / SHORTEST_MS) * BINS_PER_OCTAVE));
}

/**
 * Adds mass at a time to the two bins whose middles it lies between, so that the mean is kept: times that differ by
 * less than a bin stay in order.
 */
export function addMass(out: Float64Array, ms: number, mass: number): void {
  const below = Math.floor(Math.log2(ms / SHORTEST_MS) * BINS_PER_OCTAVE - 0.5);
  if (!(below >= 0)) out[0] += mass;
  else if (below >= TIME_BINS - 1) out[TIME_BINS - 1] += mass;
  else {
    const share = (ms - BIN_MIDDLE_MS[below]) / (BIN_MIDDLE_MS[below + 1] - BIN_MIDDLE_MS[below]);
    out[below] += mass * (1 - share);
    out[below + 1] += mass * share;
  }
}

/**
 * Adds masses at times that rise from bin to bin, as `addMass` does one by one: that of each bin from `start` on that has any, at
 * its middle, `beforeMs` earlier, and that of a bin which lies in part before that time at the middle of its rest.
 */
export function addRest(out: Float64Array, masses: Float64Array, start: number, beforeMs: number, scale: number): void {
  let above = 0;
  for (let bin = start; bin < TIME_BINS; bin++) {
    if (masses[bin] <= 0) continue;
    const mass = masses[bin] * scale;
    const ms = BIN_LOW_MS[bin] < beforeMs ? (BIN_HIGH_MS[bin] - beforeMs) / 2 : BIN_MIDDLE_MS[bin] - beforeMs;
    while (above < TIME_BINS && ms >= BIN_MIDDLE_MS[above]) above++;
    const below = above - 1;
    if (below < 0) out[0] += mass;
    else if (below >= TIME_BINS - 1) out[TIME_BINS - 1] += mass;
    else {
      const share = (ms - BIN_MIDDLE_MS[below]) / (BIN_MIDDLE_MS[above] - BIN_MIDDLE_MS[below]);
      out[below] += mass * (1 - share);
      out[above] += mass * share;
    }
  }
}

/** The time below which a fraction of the mass lies, interpolated within its bin; `total` is the sum of `mass`. */
export function quantileMs(mass: ArrayLike<number>, total: number, fraction: number): number {
  let wanted = fraction * total;
  for (let bin = 0; bin < TIME_BINS; bin++) {
    if (mass[bin] > 0 && wanted <= mass[bin]) return BIN_LOW_MS[bin] + (BIN_HIGH_MS[bin] - BIN_LOW_MS[bin]) * (wanted / mass[bin]);
    wanted -= mass[bin];
  }
  return BIN_HIGH_MS[TIME_BINS - 1];
}
