/**
 * Sums of several further gaps: where a call lands that comes n gaps after the next one. Three quantiles of each sum
 * stand for its distribution, tabulated as shifts on the time grid and drawn anew now and then from the global histogram.
 */
import { seededRandom } from '../core/index.ts';
import { BIN_MIDDLE_MS, SUM_BINS, TIME_BINS, timeBin } from './time-grid.ts';

/** Calls per horizon: the next six one by one, then lumped, up to 1,500: one session may stand for many conversations that a client does not tell apart. */
export const CALLS_IN_HORIZON = [1, 1, 1, 1, 1, 1, 6, 12, 24, 48, 96, 192, 384, 768] as const;
const GAPS_BEFORE = [0, 1, 2, 3, 4, 5, 8, 17, 35, 70, 140, 280, 560, 1120] as const;
const SAMPLES = 60;
const QUANTILE_SAMPLES = [10, 30, 50] as const;
/** From here on the sum of twice as many gaps is drawn as the sum of two of these sums. */
const LEAST_DOUBLED = 35;
/** Coprime to the number of samples: pairs each of them with another one. */
const COPRIME = 7;
const FALLBACK_GAP_MS = 3000;

export class GapSums {
  /** shifts[horizon][bin × 3 + quantile]: the bin in which the later call lands if the next one falls in `bin`. */
  private readonly shifts: Uint8Array[] = GAPS_BEFORE.map(() => new Uint8Array(TIME_BINS * 3));

  constructor() {
    this.refresh(new Float64Array(TIME_BINS));
  }

  refresh(histogram: Float64Array): void {
    const random = seededRandom(12345);
    const total = histogram.reduce((sum, count) => sum + count, 0);
    const draw = (): number => {
      if (total === 0) return FALLBACK_GAP_MS;
      let left = random() * total;
      let bin = 0;
      while (bin < TIME_BINS - 1 && left >= histogram[bin]) left -= histogram[bin++];
      return BIN_MIDDLE_MS[bin];
    };
    const sums = new Float64Array(SAMPLES);
    let gaps = 0;
    GAPS_BEFORE.forEach((wanted, horizon) => {
      if (wanted === 2 * gaps && gaps >= LEAST_DOUBLED) {
        const half = Float64Array.from(sums);
        for (let sample = 0; sample < SAMPLES; sample++) sums[sample] += half[(sample * COPRIME + 1) % SAMPLES];
        gaps = wanted;
      }
      for (; gaps < wanted; gaps++) for (let sample = 0; sample < SAMPLES; sample++) sums[sample] += draw();
      const sorted = Float64Array.from(sums).sort();
      for (let bin = 0; bin < TIME_BINS; bin++) {
        QUANTILE_SAMPLES.forEach((sample, index) => {
          this.shifts[horizon][bin * 3 + index] = timeBin(BIN_MIDDLE_MS[bin] + sorted[sample], SUM_BINS);
        });
      }
    });
  }

  later(next: Float64Array, horizon: number, out: Float64Array): void {
    const shift = this.shifts[horizon];
    out.fill(0);
    for (let bin = 0; bin < TIME_BINS; bin++) {
      const third = next[bin] / 3;
      if (third < 1e-7) continue;
      out[shift[bin * 3]] += third;
      out[shift[bin * 3 + 1]] += third;
      out[shift[bin * 3 + 2]] += third;
    }
  }
}
