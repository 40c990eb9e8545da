/** What a trace is like: sessions, agents, how prompts grow, the working set, and how far apart uses of a block lie. */
import { capacityAt, scheduleCalls, workingSetBlocks } from '../replay/index.ts';
import { longestChain, writeChain, type Trace, type TraceCall } from '../trace/index.ts';
import { ReuseDistances } from './reuse-distances.ts';
import { rounded, spreadOf, SpreadCounter, type Spread } from './spread.ts';

export interface AgentStats {
  readonly agent: string;
  readonly calls: number;
  readonly instances: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** Who calls next within the session, the likeliest first; `END`: nobody. */
  readonly next: readonly { readonly agent: string; readonly share: number }[];
}

export interface TraceStats {
  readonly trace: string;
  readonly sessions: number;
  readonly calls: number;
  readonly workloads: number;
  readonly blockSize: number;
  readonly concurrency: number;
  readonly distinctBlocks: number;
  readonly workingSetBlocks: number;
  readonly capacities: readonly { readonly fraction: number; readonly blocks: number }[];
  readonly callsPerSession: Spread;
  readonly promptTokens: Spread;
  readonly outputTokens: Spread;
  /** Seconds between a session's calls where the source has a clock; null: it has none. */
  readonly gapSeconds: Spread | null;
  /** Mean prompt tokens of a session's n-th call. */
  readonly promptGrowth: readonly { readonly step: number; readonly promptTokens: number; readonly calls: number }[];
  readonly agents: readonly AgentStats[];
  /** Of agents beyond those listed. */
  readonly otherAgents: number;
  readonly reuse: {
    /** Of all uses of full prompt blocks, those of a block that was used before. */
    readonly share: number;
    /** Of these, by who used it last. */
    readonly sameAgent: number;
    readonly otherAgentSameSession: number;
    readonly otherSession: number;
    /** Distinct blocks used in between, in blocks and as a fraction of the working set. */
    readonly distanceBlocks: Spread;
    readonly distanceOfWorkingSet: Spread;
    readonly seconds: Spread;
  };
}

const LISTED_AGENTS = 20;
const LISTED_NEXT = 3;
const GROWTH_STEPS = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
const FRACTIONS = [0.1, 0.2, 0.35, 0.5];

const meanOf = (values: readonly number[]): number => rounded(values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length));

export function traceStats(trace: Trace, concurrency: number): TraceStats {
  const { calls, sessions } = trace;
  const workingSet = workingSetBlocks(trace, concurrency);
  const gaps: number[] = [];
  for (const { firstCall, callCount } of sessions) {
    for (let index = firstCall + 1; index < firstCall + callCount; index++) {
      const [before, after] = [calls[index - 1].startMs, calls[index].startMs];
      if (before !== null && after !== null) gaps.push(Math.max(0, after - before) / 1000);
    }
  }
  const agents = agentStats(trace);
  return {
    trace: trace.name, sessions: sessions.length, calls: calls.length, workloads: new Set(sessions.map(({ workload }) => workload)).size,
    blockSize: trace.blockTokens, concurrency, distinctBlocks: trace.blockCount, workingSetBlocks: Math.round(workingSet),
    capacities: FRACTIONS.map((fraction) => ({ fraction, blocks: capacityAt(trace, workingSet, fraction) })),
    callsPerSession: spreadOf(sessions.map(({ callCount }) => callCount)),
    promptTokens: spreadOf(calls.map(({ promptTokens }) => promptTokens)),
    outputTokens: spreadOf(calls.map(({ outputTokens }) => outputTokens)),
    gapSeconds: gaps.length === 0 ? null : spreadOf(gaps),
    promptGrowth: GROWTH_STEPS.map((step) => {
      const own = sessions.filter(({ callCount }) => callCount > step).map(({ firstCall }) => calls[firstCall + step].promptTokens);
      return { step, promptTokens: meanOf(own), calls: own.length };
    }).filter((row) => row.calls > 0),
    agents: agents.slice(0, LISTED_AGENTS),
    otherAgents: Math.max(0, agents.length - LISTED_AGENTS),
    reuse: reuseOf(trace, concurrency, workingSet),
  };
}

function agentStats({ calls, sessions }: Trace): AgentStats[] {
  const byAgent = new Map<string, { calls: TraceCall[]; instances: Set<string>; next: Map<string, number> }>();
  for (const [index, call] of calls.entries()) {
    let own = byAgent.get(call.agent);
    if (own === undefined) byAgent.set(call.agent, own = { calls: [], instances: new Set(), next: new Map() });
    own.calls.push(call);
    own.instances.add(`${call.session} ${call.instance}`);
    const { firstCall, callCount } = sessions[call.session];
    const next = index + 1 < firstCall + callCount ? calls[index + 1].agent : 'END';
    own.next.set(next, (own.next.get(next) ?? 0) + 1);
  }
  return [...byAgent].map(([agent, own]) => ({
    agent, calls: own.calls.length, instances: own.instances.size,
    promptTokens: meanOf(own.calls.map(({ promptTokens }) => promptTokens)),
    outputTokens: meanOf(own.calls.map(({ outputTokens }) => outputTokens)),
    next: [...own.next].toSorted(([, one], [, other]) => other - one).slice(0, LISTED_NEXT).map(([name, times]) => ({ agent: name, share: rounded(times / own.calls.length) })),
  })).toSorted((one, other) => other.calls - one.calls);
}

function reuseOf(trace: Trace, concurrency: number, workingSet: number): TraceStats['reuse'] {
  const distances = new ReuseDistances(trace.blockCount);
  const lastCall = new Int32Array(trace.blockCount).fill(-1);
  const lastAt = new Float64Array(trace.blockCount);
  const chain = new Int32Array(longestChain(trace));
  const found = new SpreadCounter();
  const seconds = new SpreadCounter();
  let uses = 0;
  let sameAgent = 0;
  let sameSession = 0;
  for (const { call: index, atSeconds } of scheduleCalls(trace, concurrency)) {
    const call = trace.calls[index];
    writeChain(trace, call, chain);
    // A cache is asked for the whole prompt before any block of the call counts as used.
    for (const block of chain.subarray(0, call.promptBlocks)) {
      uses++;
      const distance = distances.distanceOf(block);
      if (distance < 0) continue;
      found.add(distance);
      seconds.add(atSeconds - lastAt[block]);
      const before = trace.calls[lastCall[block]];
      if (before.session === call.session && before.agent === call.agent) sameAgent++;
      else if (before.session === call.session) sameSession++;
    }
    // Within one call a deeper block counts as older.
    for (let position = call.blocks - 1; position >= 0; position--) {
      const block = chain[position];
      distances.use(block);
      lastCall[block] = index;
      lastAt[block] = atSeconds;
    }
  }
  const share = (part: number): number => (found.total === 0 ? 0 : rounded(part / found.total));
  return {
    share: uses === 0 ? 0 : rounded(found.total / uses),
    sameAgent: share(sameAgent), otherAgentSameSession: share(sameSession), otherSession: share(found.total - sameAgent - sameSession),
    distanceBlocks: found.spread(), distanceOfWorkingSet: found.spread(1 / workingSet), seconds: seconds.spread(),
  };
}
