/** What a retention policy costs: time to observe a call, time to choose its victims, bytes of state. */
import type { PolicyDefinition, StateBytes } from '../../core/index.ts';
import { capacityAt, contenderFor, freshLearners, percentiles, replay, scheduleCalls, workingSetBlocks } from '../replay/index.ts';
import { syntheticLoad } from './synthetic-load.ts';

export interface BenchPolicyOptions {
  readonly agents: readonly number[];
  readonly liveSessions: readonly number[];
  /** Fraction of the working set. */
  readonly capacity: number;
  /** Blocks of the cache, in place of the fraction. */
  readonly blocks?: number;
  readonly seed: number;
  /** How often each is replayed; from twice on, `leastOfRuns` is there too. */
  readonly runs?: number;
  /** Calls of the replay before anything is timed. */
  readonly warmUpCalls?: number;
  onProgress?(text: string): void;
}

export type Times = Pick<BenchPolicyRow, 'observeUs' | 'observeOfAllowed' | 'decideUs' | 'controlUs'>;

export interface BenchPolicyRow {
  readonly policy: string;
  readonly agents: number;
  readonly liveSessions: number;
  readonly residentBlocks: number;
  /** Per call: its events, definitions and touches, the shared learner included. */
  readonly observeUs: { readonly p50: number; readonly p99: number };
  /** Prompt and answer of a call. */
  readonly blocksPerCall: { readonly p50: number; readonly p99: number };
  /** The same time per call as a share of what it may take: 20 us and 0.5 us per block. */
  readonly observeOfAllowed: { readonly p50: number; readonly p99: number };
  /** A decision: choosing all victims of one call that needs room, and being told of each that it has gone. */
  readonly decideUs: { readonly p50: number; readonly p99: number };
  /** Victims of one decision. */
  readonly blocksPerDecision: { readonly p50: number; readonly p99: number };
  readonly decisions: number;
  /** A constant piece of work, done after each call: what its 99th percentile is beyond its median is the machine's doing, and the engine's that runs the code. */
  readonly controlUs: { readonly p50: number; readonly p99: number };
  /**
   * The same, each call and each decision by the fastest of its runs. Every run does the very same work at the same call, so what one of them did not
   * need for it was the machine's: other processes, a clock that stands still, a collection of garbage at another place.
   */
  readonly leastOfRuns?: Times;
  readonly stateBytes: StateBytes;
}

/** Calls that are replayed: enough that the cache is full, few enough to be done in minutes. */
const FIXED_CALLS = 1000;
const CALLS_PER_SESSION = 9;
const CONTROL_STEPS = 28_000;
/** Replayed before anything is timed, per policy: a gateway that has served some hundred calls runs compiled code. Enough sessions that they count as many. */
const WARM_UP = { liveSessions: 100, calls: 3000, capacity: 0.1 } as const;
/** What observing may take. */
const ALLOWED_US = { perCall: 20, perBlock: 0.5 } as const;

export function benchPolicies(policies: readonly PolicyDefinition[], options: BenchPolicyOptions): BenchPolicyRow[] {
  const rows: BenchPolicyRow[] = [];
  for (const policy of policies) warmUp(policy, options);
  for (const agents of options.agents) {
    for (const liveSessions of options.liveSessions) {
      const trace = syntheticLoad({ agents, liveSessions, seed: options.seed });
      const schedule = scheduleCalls(trace, liveSessions).slice(0, FIXED_CALLS + CALLS_PER_SESSION * liveSessions);
      const capacityBlocks = options.blocks ?? capacityAt(trace, workingSetBlocks(trace, liveSessions), options.capacity);
      const blocks = schedule.map(({ call }) => trace.calls[call].blocks);
      for (const policy of policies) {
        const runs = Array.from({ length: options.runs ?? 1 }, () => {
          const control = new Control();
          const outcome = replay({
            trace, schedule, capacityBlocks, contender: contenderFor(policy), timing: 'exact', learners: freshLearners,
            nextUses: () => [], afterCall: () => control.run(),
            onProgress: (calls) => options.onProgress?.(`${policy.name}: ${agents} agents, ${liveSessions} sessions, ${calls} of ${schedule.length} calls`),
          });
          return { outcome, samples: { observeMs: outcome.observeMsOfCalls, decideMs: outcome.decideMsOfCalls, controlMs: control.ms } };
        });
        const [{ outcome }] = runs;
        const all = together(runs.map(({ samples }) => samples), (lists) => lists.flat());
        const least = together(runs.map(({ samples }) => samples), leastOf);
        rows.push({
          policy: policy.name, agents, liveSessions, residentBlocks: outcome.residentBlocks,
          blocksPerCall: percentiles(blocks), blocksPerDecision: percentiles(outcome.decidedBlocksOfCalls), decisions: outcome.decideMsOfCalls.length,
          ...figuresOf(all, blocks), ...(runs.length > 1 ? { leastOfRuns: figuresOf(least, blocks) } : {}), stateBytes: outcome.stateBytes,
        });
      }
    }
  }
  return rows;
}

function warmUp(policy: PolicyDefinition, { agents, seed, warmUpCalls = WARM_UP.calls, onProgress }: BenchPolicyOptions): void {
  onProgress?.(`${policy.name}: warming up`);
  const trace = syntheticLoad({ agents: agents[0], liveSessions: WARM_UP.liveSessions, seed: seed + 1 });
  const schedule = scheduleCalls(trace, WARM_UP.liveSessions).slice(0, warmUpCalls);
  const capacityBlocks = capacityAt(trace, workingSetBlocks(trace, WARM_UP.liveSessions), WARM_UP.capacity);
  const control = new Control();
  replay({ trace, schedule, capacityBlocks, contender: contenderFor(policy), timing: 'exact', learners: freshLearners, nextUses: () => [], afterCall: () => control.run() });
}

/** About 50 us of arithmetic that neither allocates nor waits for memory. */
class Control {
  readonly ms: number[] = [];
  private hash = 1;

  run(): void {
    const startedMs = performance.now();
    let { hash } = this;
    for (let step = 0; step < CONTROL_STEPS; step++) {
      hash = Math.imul(hash ^ step, 16777619);
      hash ^= hash >>> 13;
    }
    this.hash = hash;
    this.ms.push(performance.now() - startedMs);
  }
}

interface Samples {
  readonly observeMs: readonly number[];
  readonly decideMs: readonly number[];
  readonly controlMs: readonly number[];
}

function together(runs: readonly Samples[], merge: (lists: readonly (readonly number[])[]) => number[]): Samples {
  return { observeMs: merge(runs.map(({ observeMs }) => observeMs)), decideMs: merge(runs.map(({ decideMs }) => decideMs)), controlMs: merge(runs.map(({ controlMs }) => controlMs)) };
}
/** Of samples at the same place. */
function leastOf(lists: readonly (readonly number[])[]): number[] {
  return lists[0].map((_, place) => lists.reduce((least, list) => Math.min(least, list[place]), Infinity));
}

/** @param blocks of each call of a run */
function figuresOf({ observeMs, decideMs, controlMs }: Samples, blocks: readonly number[]): Times {
  const { p50, p99 } = percentiles(observeMs.map((ms, place) => (ms * 1000) / (ALLOWED_US.perCall + ALLOWED_US.perBlock * blocks[place % blocks.length])));
  return { observeUs: microseconds(percentiles(observeMs)), decideUs: microseconds(percentiles(decideMs)), observeOfAllowed: { p50: Number(p50.toFixed(2)), p99: Number(p99.toFixed(2)) }, controlUs: microseconds(percentiles(controlMs)) };
}

function microseconds(ms: { readonly p50: number; readonly p99: number }): { p50: number; p99: number } {
  return { p50: Number((ms.p50 * 1000).toFixed(1)), p99: Number((ms.p99 * 1000).toFixed(1)) };
}

/** Rows for people. */
export function benchPolicyTable(rows: readonly BenchPolicyRow[]): string {
  const head = ['policy', 'agents', 'sessions', 'blocks', 'observe p50', 'p99', 'of allowed p50', 'p99', 'decide p50', 'p99', 'victims each p50', 'p99', 'control p50', 'p99', 'learned', 'working', 'ghosts'];
  const cells = [head, ...rows.flatMap((row) => [cellsOf(row), ...(row.leastOfRuns === undefined ? [] : [cellsOf({ ...row, ...row.leastOfRuns, policy: '  fastest of its runs' })])])];
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  return cells.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join('  ').trimEnd()).join('\n');
}

function cellsOf(row: BenchPolicyRow): string[] {
  return [
    row.policy, `${row.agents}`, `${row.liveSessions}`, `${row.residentBlocks}`,
    `${row.observeUs.p50} us`, `${row.observeUs.p99} us`, `${row.observeOfAllowed.p50}`, `${row.observeOfAllowed.p99}`, `${row.decideUs.p50} us`, `${row.decideUs.p99} us`, `${row.blocksPerDecision.p50}`, `${row.blocksPerDecision.p99}`, `${row.controlUs.p50} us`, `${row.controlUs.p99} us`,
    `${row.stateBytes.learned} B`, `${Math.round(row.stateBytes.working / 1024)} KB`, `${Math.round(row.stateBytes.ghosts / 1024)} KB`,
  ];
}
