/** One load: the same sessions through every side in turn, until time or sessions run out. */
import type { LoadDescription, SideReport, WorkloadReport } from './document.ts';
import { lostHistories } from './lost-histories.ts';
import { compare, completedByAll, engineUtilisation, measureSide, type CallSample, type Comparison, type SliceSample } from './measures.ts';
import { alternate, type Side } from './slices.ts';
import { EntresolError } from '../../core/index.ts';
import type { BenchWorkload } from './workload.ts';

/** A side with its clients and what they measured. */
export interface LoadSide extends Side {
  readonly samples: readonly CallSample[];
  /** A place found no session left: the load is over. */
  readonly ranDry: boolean;
  /** Sets the clients going; they wait for the side's clock. */
  begin(workload: BenchWorkload, thinkMs: number): void;
  /** @throws what a client of this side met */
  check(): void;
  close(): Promise<void>;
}

export interface LoadParts<Spec> {
  /** Threads of each engine. */
  readonly threads: number;
  /** Everything stands still until its first slice. */
  startSide(spec: Spec): Promise<LoadSide>;
}

export interface LoadRun<Spec> {
  readonly workload: BenchWorkload;
  readonly description: Omit<LoadDescription, 'offUtilisation'>;
  /** `off` first, `on` second, then baselines. `off` alone is a rehearsal. */
  readonly sides: readonly Spec[];
  readonly sliceMs: number;
  /** Active time of each side, the settling included. */
  readonly activeMs: number;
  /** Whatever began before, when every cache was cold and every session young, is not measured; default: all is. */
  readonly settleMs?: number;
  /** After every round; the first few have no pairs yet. */
  onRound?(report: WorkloadReport): void;
}

/** On a slow or busy machine a load goes on for up to so many times its time, until there is something to compare. */
const LONGEST = 10;
const LEAST_CALLS = 5;

export async function runLoad<Spec>(run: LoadRun<Spec>, parts: LoadParts<Spec>): Promise<WorkloadReport> {
  const sides: LoadSide[] = [];
  try {
    for (const spec of run.sides) sides.push(await parts.startSide(spec));
    for (const side of sides) side.begin(run.workload, run.description.thinkMsMean);
    await alternate(sides, {
      sliceMs: run.sliceMs,
      enough: () => {
        for (const side of sides) side.check();
        run.onRound?.(reportOf(run, sides, parts.threads));
        const activeMs = Math.min(...sides.map((side) => side.clock.nowMs()));
        if (sides.some((side) => side.ranDry) || activeMs >= LONGEST * run.activeMs) return true;
        return activeMs >= run.activeMs && completedByAll(sides.map((side) => settled(run, side).samples))[0].length >= Math.min(LEAST_CALLS, run.workload.sessions.length);
      },
    });
    return reportOf(run, sides, parts.threads);
  } finally {
    await Promise.all(sides.map((side) => side.close()));
  }
}

/** What a side did once it had settled. */
interface Settled {
  readonly samples: readonly CallSample[];
  readonly slices: readonly SliceSample[];
}

function settled({ settleMs = 0, sliceMs }: Pick<LoadRun<unknown>, 'settleMs' | 'sliceMs'>, side: LoadSide): Settled {
  return {
    samples: side.samples.filter((sample) => sample.endedAtMs - sample.endToEndMs >= settleMs),
    slices: side.slices.slice(Math.round(settleMs / sliceMs)),
  };
}

/** Both sides must have sent the same: else they are not compared. */
function checkEqualRequests(off: LoadSide, other: LoadSide): void {
  const [before, after] = completedByAll([off.samples, other.samples]);
  for (const [index, sample] of before.entries()) {
    if (sample.requestHash === after[index].requestHash) continue;
    throw new EntresolError('ENT_INTERNAL', `${off.name} and ${other.name} sent different requests in step ${sample.step} of ${sample.session}: the comparison would not be one.`);
  }
}

function reportOf(run: Omit<LoadRun<unknown>, 'sides'>, sides: readonly LoadSide[], threads: number): WorkloadReport {
  const [off, on = off, ...baselines] = sides;
  for (const side of [on, ...baselines]) checkEqualRequests(off, side);
  const measured = new Map(sides.map((side) => [side, settled(run, side)]));
  const of = (side: LoadSide): Settled => measured.get(side) as Settled;
  const comparedWithOff = (side: LoadSide): Comparison => compare(of(off).samples, of(side).samples, of(off).slices, of(side).slices);
  const sideReport = (side: LoadSide): SideReport => {
    const [, paired] = completedByAll([of(side === off ? on : off).samples, of(side).samples]);
    return { ...measureSide(paired, of(side).slices), completedCalls: of(side).samples.length, lostHistories: lostHistories(paired) };
  };
  return {
    trace: run.workload.name,
    load: { ...run.description, offUtilisation: engineUtilisation(of(off).slices, threads) },
    off: sideReport(off),
    on: sideReport(on),
    ...comparedWithOff(on),
    baselines: Object.fromEntries(baselines.map((side) => {
      const { ratio, interval, hitRateGainPoints } = comparedWithOff(side);
      return [side.name, { ...sideReport(side), ratio, interval, hitRateGainPoints }];
    })),
  };
}
