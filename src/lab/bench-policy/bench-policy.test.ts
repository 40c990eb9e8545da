import { describe, expect, it } from 'vitest';
import { POLICIES } from '../../policies/registry.ts';
import { benchPolicies, benchPolicyTable } from './bench-policy.ts';
import { syntheticLoad } from './synthetic-load.ts';

describe('syntheticLoad', () => {
  it('is the same for the same seed and another for another', () => {
    const size = { agents: 6, liveSessions: 4 };
    const shape = (seed: number): unknown => syntheticLoad({ ...size, seed }).calls.map(({ agent, promptTokens, startMs }) => [agent, promptTokens, startMs]);
    expect(shape(1)).toEqual(shape(1));
    expect(shape(1)).not.toEqual(shape(2));
  });

  it('has the agents it says, each with an anchor that its prompts share', () => {
    const trace = syntheticLoad({ agents: 3, liveSessions: 6, seed: 1 });
    expect(new Set(trace.calls.map(({ agent }) => agent))).toEqual(new Set(['agent-0', 'agent-1', 'agent-2']));
    // First blocks of chains: one per agent.
    expect(trace.parents.filter((parent) => parent === -1).length).toBe(3);
  });
});

describe('benchPolicies', () => {
  it('has a row per policy, number of agents and number of sessions', () => {
    const policies = POLICIES.filter(({ decisions }) => decisions.includes('retention'));
    const rows = benchPolicies(policies, { agents: [3, 6], liveSessions: [5], capacity: 0.3, seed: 1, warmUpCalls: 50 });
    expect(rows.map(({ policy, agents, liveSessions }) => [policy, agents, liveSessions]))
      .toEqual([3, 6].flatMap((agents) => policies.map(({ name }) => [name, agents, 5])));
    for (const row of rows) {
      expect(row.residentBlocks).toBeGreaterThan(0);
      expect(row.decisions).toBeGreaterThan(0);
      expect(row.blocksPerDecision.p50).toBeGreaterThan(0);
      expect(row.decideUs.p99).toBeGreaterThanOrEqual(row.decideUs.p50);
      expect(row.observeUs.p99).toBeGreaterThan(0);
      expect(row.controlUs.p50).toBeGreaterThan(0);
      expect(row.controlUs.p99).toBeGreaterThanOrEqual(row.controlUs.p50);
    }
    expect(rows.find(({ policy }) => policy === 'cache-sage')?.stateBytes.learned).toBeGreaterThan(0);
    expect(benchPolicyTable(rows).split('\n')).toHaveLength(rows.length + 1);
  });

  it('tells the work from what the machine adds: of several runs the fastest of each call', () => {
    const policies = POLICIES.filter(({ name }) => name === 'cache-sage');
    const [row] = benchPolicies(policies, { agents: [3], liveSessions: [5], capacity: 0.3, seed: 1, warmUpCalls: 50, runs: 3 });
    expect(row.leastOfRuns?.decideUs.p99).toBeLessThanOrEqual(row.decideUs.p99);
    expect(row.leastOfRuns?.observeOfAllowed.p99).toBeLessThanOrEqual(row.observeOfAllowed.p99);
    expect(row.leastOfRuns?.controlUs.p99).toBeLessThanOrEqual(row.controlUs.p99);
    expect(benchPolicyTable([row]).split('\n')).toHaveLength(3);
  });
});
