/**
 * Percentile intervals by the bootstrap (Efron 1979), resampling whole clusters: the calls of a session, or what a
 * slice of the run brought, belong together and are drawn together, both sides at once.
 */
import { seededRandom } from '../../core/index.ts';

export interface Interval { readonly low: number; readonly high: number }

const RESAMPLES = 1_000;
const TAIL = 0.025;
/** Of fewer the spread cannot be told: percentiles of a few resampled clusters lie much too close together. */
const LEAST_CLUSTERS = 5;

/**
 * 95 % interval of a statistic of summed clusters.
 * @param clusters one row of sums per cluster, all of one length
 * @param statistic of the sums over the drawn clusters; draws where it is not finite are left out
 * @returns undefined with fewer than five clusters, or where no draw gave a finite value
 */
export function bootstrapInterval(clusters: readonly (readonly number[])[], statistic: (sums: readonly number[]) => number, seed = 1): Interval | undefined {
  if (clusters.length < LEAST_CLUSTERS) return undefined;
  const random = seededRandom(seed);
  const width = clusters[0].length;
  const values: number[] = [];
  for (let resample = 0; resample < RESAMPLES; resample++) {
    const sums = Array.from({ length: width }, () => 0);
    for (let draw = 0; draw < clusters.length; draw++) {
      const cluster = clusters[Math.floor(random() * clusters.length)];
      for (let column = 0; column < width; column++) sums[column] += cluster[column];
    }
    const value = statistic(sums);
    if (Number.isFinite(value)) values.push(value);
  }
  if (values.length === 0) return undefined;
  values.sort((a, b) => a - b);
  const at = (share: number): number => values[Math.round(share * (values.length - 1))];
  return { low: at(TAIL), high: at(1 - TAIL) };
}
