/** What a retention policy costs: time to observe a call, time to choose its victims, bytes of state. */
import type { PolicyDefinition, StateBytes } from '../../core/index.ts';
import { capacityAt, contenderFor, freshLearners, percentiles, replay, scheduleCalls, workingSetBlocks, type ScheduledCall } from '../replay/index.ts';
import type { Trace } from '../trace/index.ts';
import { syntheticLoad } from './synthetic-load.ts';

export interface BenchPolicyOptions {
  readonly agents: readonly number[];
  readonly liveSessions: readonly number[];
  /** Fraction of the working set. */
  readonly capacity: number;
  /** Blocks of the cache, in place of the fraction. */
  readonly blocks?: number;
  readonly seed: number;
  onProgress?(text: string): void;
}

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
  readonly stateBytes: StateBytes;
}

/** Calls that are replayed: enough that the cache is full, few enough to be done in minutes. */
const FIXED_CALLS = 1000;
const CALLS_PER_SESSION = 9;
/** What observing may take. */
const ALLOWED_US = { perCall: 20, perBlock: 0.5 } as const;

export function benchPolicies(policies: readonly PolicyDefinition[], options: BenchPolicyOptions): BenchPolicyRow[] {
  const rows: BenchPolicyRow[] = [];
  for (const agents of options.agents) {
    for (const liveSessions of options.liveSessions) {
      const trace = syntheticLoad({ agents, liveSessions, seed: options.seed });
      const schedule = scheduleCalls(trace, liveSessions).slice(0, FIXED_CALLS + CALLS_PER_SESSION * liveSessions);
      const capacityBlocks = options.blocks ?? capacityAt(trace, workingSetBlocks(trace, liveSessions), options.capacity);
      for (const policy of policies) {
        const outcome = replay({
          trace, schedule, capacityBlocks, contender: contenderFor(policy), timing: 'exact', learners: freshLearners,
          nextUses: () => [],
          onProgress: (calls) => options.onProgress?.(`${policy.name}: ${agents} agents, ${liveSessions} sessions, ${calls} of ${schedule.length} calls`),
        });
        rows.push({
          policy: policy.name, agents, liveSessions, residentBlocks: outcome.residentBlocks,
          observeUs: microseconds(outcome.observeMs), ...perBlock(trace, schedule, outcome.observeMsOfCalls), decideUs: microseconds(outcome.decideMs), blocksPerDecision: percentiles(outcome.decidedBlocksOfCalls), decisions: outcome.decideMsOfCalls.length, stateBytes: outcome.stateBytes,
        });
      }
    }
  }
  return rows;
}

function perBlock(trace: Trace, schedule: readonly ScheduledCall[], observeMs: readonly number[]): Pick<BenchPolicyRow, 'blocksPerCall' | 'observeOfAllowed'> {
  const blocks = schedule.map(({ call }) => trace.calls[call].blocks);
  const { p50, p99 } = percentiles(observeMs.map((ms, place) => (ms * 1000) / (ALLOWED_US.perCall + ALLOWED_US.perBlock * blocks[place])));
  return { blocksPerCall: percentiles(blocks), observeOfAllowed: { p50: Number(p50.toFixed(2)), p99: Number(p99.toFixed(2)) } };
}

function microseconds(ms: { readonly p50: number; readonly p99: number }): { p50: number; p99: number } {
  return { p50: Number((ms.p50 * 1000).toFixed(1)), p99: Number((ms.p99 * 1000).toFixed(1)) };
}

/** Rows for people. */
export function benchPolicyTable(rows: readonly BenchPolicyRow[]): string {
  const head = ['policy', 'agents', 'sessions', 'blocks', 'observe p50', 'p99', 'of allowed p50', 'p99', 'decide p50', 'p99', 'victims each p50', 'p99', 'learned', 'working', 'ghosts'];
  const cells = [head, ...rows.map((row) => [
    row.policy, `${row.agents}`, `${row.liveSessions}`, `${row.residentBlocks}`,
    `${row.observeUs.p50} us`, `${row.observeUs.p99} us`, `${row.observeOfAllowed.p50}`, `${row.observeOfAllowed.p99}`, `${row.decideUs.p50} us`, `${row.decideUs.p99} us`, `${row.blocksPerDecision.p50}`, `${row.blocksPerDecision.p99}`,
    `${row.stateBytes.learned} B`, `${Math.round(row.stateBytes.working / 1024)} KB`, `${Math.round(row.stateBytes.ghosts / 1024)} KB`,
  ])];
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  return cells.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join('  ').trimEnd()).join('\n');
}
