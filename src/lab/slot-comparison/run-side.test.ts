import { describe, expect, it } from 'vitest';
import { createLearnerSource } from '../../learner/index.ts';
import { joined, tokensOf } from '../../engines/slots/testing/world.ts';
import { cacheSage } from '../../policies/cache-sage/policy.ts';
import type { PlannedSession } from '../bench/planned-session.ts';
import { workingSetTokens } from '../bench/working-set.ts';
import { runSide, type SideOptions } from './run-side.ts';

const CONTEXT = 1024;
const CONCURRENCY = 12;
const STORE_TOKENS = 3000;

/** Three agents in turn, each with an anchor and a history of its own that grows by what it is told and answers. */
function sessions(count: number): PlannedSession[] {
  return Array.from({ length: count }, (_, session) => {
    const histories = ['planner', 'coder', 'tester'].map((agent) => ({ agent, tokens: tokensOf(agent, 250) }));
    const calls = Array.from({ length: 9 + (session % 4) }, (__, step) => {
      const history = histories[step % 3];
      const prompt = joined(history.tokens, tokensOf(`${session}/${step}`, 60));
      const output = tokensOf(`answer ${session}/${step}`, 12);
      history.tokens = joined(prompt, output);
      return { agent: history.agent, instance: history.agent, prompt, output, pauseUnits: 0.5 + ((session * 7 + step * 3) % 10) / 10 };
    });
    return { id: `s${session}`, calls };
  });
}

describe('slot managers in virtual time', () => {
  const load = { sessions: sessions(40), concurrency: CONCURRENCY, thinkMs: 2000, contextTokens: CONTEXT };
  const side = (manager: SideOptions['manager'], retention?: SideOptions['retention']) => runSide({ ...load, manager, retention });

  it('ours hits more, answers sooner and gets more done than llama-server\'s rule, on the same memory', async () => {
    const server = await side({ kind: 'llama-server', slots: 3, storeTokens: STORE_TOKENS });
    const ours = await side({ kind: 'survival', slots: 3, storeTokens: STORE_TOKENS }, { policy: cacheSage, learners: createLearnerSource() });
    // A third of the working set: neither can hold everything.
    expect(3 * CONTEXT + STORE_TOKENS).toBeLessThan(0.4 * workingSetTokens(load.sessions, CONCURRENCY));
    expect(ours.calls).toBe(server.calls);
    expect(ours.hitRate).toBeGreaterThan(server.hitRate + 0.05);
    expect(ours.ttftMs.mean).toBeLessThan(server.ttftMs.mean);
    expect(ours.callsPerSecond).toBeGreaterThan(server.callsPerSecond);
  });

  it('hits nearly everything that recurs when there is room for all', async () => {
    const prompts = load.sessions.flatMap((session) => session.calls.map((call) => call.prompt.length));
    const ours = await side({ kind: 'survival', slots: 3, storeTokens: 400_000 });
    const fresh = load.sessions.reduce((sum, session) => sum + session.calls.length * 60 + 3 * 250, 0);
    const recurring = 1 - fresh / prompts.reduce((sum, length) => sum + length, 0);
    expect(ours.hitRate).toBeGreaterThan(recurring);
  });
});
