import { describe, expect, it } from 'vitest';
import { RetentionScript } from '../../testing/retention-script.ts';
import { cacheScoutSession } from './policy.ts';

describe('cachescout-session', () => {
  it('gives an agent only what two sessions have used; the rest goes first', () => {
    const script = new RetentionScript(cacheScoutSession, { fingerprintBlocks: 1 });
    script.call('one', 'planner', 'p', 'a');
    script.call('two', 'planner', 'p', 'b');
    script.call('two', 'planner', 'pb', 'c');
    // p is shared: survival 1. a, b and c are private: survival 0, by age.
    expect(script.victims()).toBe('acbp');
    expect(script.value('p')).toBeCloseTo(2 * 1.01 * 1.01, 12);
    expect(script.value('b')).toBeCloseTo(2 * 0.01 * 1.01, 12);
  });

  // Twelve agents: without counts a transition has probability 1/12, less than τ, and is no edge.
  const agents = [...'abcdefghijkl'];

  it('learns transitions within sessions alone', () => {
    const interleaved = new RetentionScript(cacheScoutSession, { fingerprintBlocks: 1, activeSteps: 1 });
    for (let turn = 0; turn < 6; turn++) for (const agent of agents) interleaved.call(`${agent}-${turn % 2}`, agent, agent);
    // b has followed a six times, but never in one session: nothing leads from the current agents to it.
    expect(interleaved.value('b')).toBeCloseTo(2 * 0.01 * (Math.exp(-0.005 * 10) + 0.01), 12);

    const withinSessions = new RetentionScript(cacheScoutSession, { fingerprintBlocks: 1, activeSteps: 24 });
    for (let turn = 0; turn < 6; turn++) for (const agent of agents) withinSessions.call(`s${turn % 2}`, agent, agent);
    // From l, where both sessions are, it goes to a and then to b: two hops.
    expect(withinSessions.value('b')).toBeCloseTo(2 * (1 - 2 / 6 + 0.01) * (Math.exp(-0.005 * 10) + 0.01), 12);
  });

  it('lets sessions that have not called for long no longer count', () => {
    const script = new RetentionScript(cacheScoutSession, { fingerprintBlocks: 1, activeSteps: 3 });
    for (const session of ['one', 'two']) for (const agent of agents) script.call(`${session}-${agent}`, agent, agent);
    const survives = agents.filter((agent) => script.value(agent) > 1);
    expect(survives.join('')).toBe('ijkl');
  });
});
