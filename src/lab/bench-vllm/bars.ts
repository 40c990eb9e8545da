/** The bars of `bench vllm`. */
import { SIX_AGENTS } from '../bench/bars.ts';
import type { BarResult } from '../bench/document.ts';
import type { BenchExecutor, VllmWorkloadReport } from './document.ts';

const SIX_AGENTS_GAIN_POINTS = 15;
const SHARE_OF_SIMULATED = 0.8;
const WORST_POINTS = -0.2;
const TTFT_RATIO = 0.7;
/** Gains smaller than this are within a block or two of nothing: a share of them tells nothing. */
const LEAST_GAIN_POINTS = 1;

export function checkVllmBars(reports: readonly VllmWorkloadReport[], executor: BenchExecutor): BarResult[] {
  return reports.flatMap((report): BarResult[] => {
    const { trace, load, hitRateGainPoints, simulated, shareOfSimulatedGain, ratio } = report;
    const at = `${trace} at ${load.capacityFraction}`;
    const points = `${hitRateGainPoints >= 0 ? '+' : ''}${hitRateGainPoints.toFixed(1)} points`;
    return [
      ...(trace === SIX_AGENTS ? [{ bar: `${at}: hit rate at least +${SIX_AGENTS_GAIN_POINTS} points`, met: hitRateGainPoints >= SIX_AGENTS_GAIN_POINTS, found: points }] : []),
      { bar: `${at}: never more than ${-WORST_POINTS} points below stock`, met: hitRateGainPoints >= WORST_POINTS, found: points },
      ...(simulated.gainPoints >= LEAST_GAIN_POINTS ? [{ bar: `${at}: at least ${SHARE_OF_SIMULATED} of the simulated engine's gain`, met: (shareOfSimulatedGain ?? 0) >= SHARE_OF_SIMULATED, found: `${(shareOfSimulatedGain ?? 0).toFixed(2)} of +${simulated.gainPoints.toFixed(1)} points` }] : []),
      ...(ratio !== null ? [{ bar: `${at}: mean TTFT at most ${TTFT_RATIO} of stock${executor === 'timed' ? ', by stated times' : ''}`, met: ratio.ttftMean <= TTFT_RATIO, found: ratio.ttftMean.toFixed(2) }] : []),
    ];
  });
}
