import { describe, expect, it } from 'vitest';
import { Caller } from '../../../test/support/identified.ts';
import { CoverageTally, waysToRaise } from './coverage.ts';

const body = { messages: [{ role: 'system', content: 'You are the planner.' }, { role: 'user', content: 'plan' }] };

describe('the coverage of identity', () => {
  it('counts per client what is sure, from where, and says what would raise it', () => {
    const caller = new Caller();
    const tally = new CoverageTally();
    const agents = { 'user-agent': 'Agents/JavaScript 0.20.0' };
    for (let call = 0; call < 3; call++) tally.record(caller.call(body, undefined, agents));
    tally.record(caller.call(body, undefined, { ...agents, 'x-entresol-session': 's', 'x-entresol-agent': 'planner' }));
    tally.record(caller.call(body, undefined, { 'x-entresol-session': 's', 'x-entresol-agent': 'planner', 'user-agent': 'curl/8' }));
    const { calls, clients } = tally.report();
    expect(calls).toBe(5);
    expect(clients[0]).toMatchObject({
      client: 'openai-agents', calls: 4, agent: { sure: 1, sources: { fingerprint: 0.75, 'header:x-entresol-agent': 0.25 } },
      session: { sure: 0.25, sources: { opener: 0.75, 'header:x-entresol-session': 0.25 } }, mend: expect.stringContaining('modelSettings'),
    });
    expect(clients[1]).toMatchObject({ calls: 1, session: { sure: 1, confidence: 1 } });
    expect(clients[1].mend).toBeUndefined();
  });

  it('says for one call which header would make which field surer', () => {
    const ways = waysToRaise(new Caller().call({ messages: [{ role: 'user', content: 'hi' }] }, undefined, { 'x-entresol-parent': 'a\u0001' }));
    expect(ways).toEqual([
      expect.stringContaining('x-entresol-session'), expect.stringContaining('a system prompt of its own'), expect.stringContaining('header:x-entresol-parent'), expect.stringContaining('x-entresol-workload'),
    ]);
    expect(waysToRaise(new Caller().call(body, undefined, { 'x-entresol-session': 's', 'x-entresol-agent': 'a', 'x-entresol-workload': 'w' }))).toEqual([]);
  });
});
