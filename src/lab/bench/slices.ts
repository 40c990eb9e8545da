/** Alternating slices: one side works while all others stand still, engine, clients and clock. */
import type { SliceSample } from './measures.ts';
import type { SideClock } from './side-clock.ts';

/** What can be stopped and started as a whole. */
export interface Side {
  readonly name: string;
  readonly clock: SideClock;
  readonly slices: SliceSample[];
  resume(): void;
  /** Resolves when the engine stands still. */
  pause(): Promise<void>;
  /** CPU that the side's engine process has used. */
  engineCpuMs(): Promise<number>;
  completedCalls(): number;
}

export interface AlternationOptions {
  readonly sliceMs: number;
  /** Asked after every round in which each side had a slice. */
  enough(): boolean;
}

/** This process serves one side at a time: its CPU time within a slice is that side's. */
function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function slice(side: Side, sliceMs: number): Promise<void> {
  const before = { ownMs: ownCpuMs(), engineMs: await side.engineCpuMs(), calls: side.completedCalls(), clockMs: side.clock.nowMs() };
  side.clock.start();
  side.resume();
  await side.clock.sleep(sliceMs);
  await side.pause();
  side.clock.stop();
  const engineCpuMs = await side.engineCpuMs() - before.engineMs;
  side.slices.push({
    activeMs: side.clock.nowMs() - before.clockMs,
    calls: side.completedCalls() - before.calls,
    cpuMs: engineCpuMs + ownCpuMs() - before.ownMs,
    engineCpuMs,
  });
}

/** Rounds of one slice per side, forwards and backwards in turn so that no side always comes first. */
export async function alternate(sides: readonly Side[], options: AlternationOptions): Promise<void> {
  for (let round = 0; ; round++) {
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) await slice(side, options.sliceMs);
    if (options.enough()) return;
  }
}
