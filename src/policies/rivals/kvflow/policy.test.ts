import { describe, expect, it } from 'vitest';
import { RetentionScript } from '../../testing/retention-script.ts';
import { kvflow } from './policy.ts';

/** Two runs of planner, coder, tester, each with a fixed prompt (p, c, t) and a varying part; the third is at the coder. */
function pipeline(): RetentionScript {
  const script = new RetentionScript(kvflow, { activeCalls: 1 });
  for (const [session, varying] of [['one', '123'], ['two', '456']]) {
    script.call(session, 'planner', `p${varying[0]}`);
    script.call(session, 'coder', `c${varying[1]}`);
    script.call(session, 'tester', `t${varying[2]}`);
  }
  script.call('three', 'planner', 'p7');
  script.call('three', 'coder', 'c8');
  return script;
}

describe('kvflow', () => {
  it('evicts what varies first, least recently used first, then the fixed prompt that is most steps away', () => {
    // From the coder: 0 steps, to the tester 1. The tester has never been left: by smoothing it goes anywhere, so the planner is 2 away.
    expect(pipeline().victims()).toBe('12345678ptc');
  });

  it('counts 1 − steps/6 from the nearest session that runs', () => {
    const script = pipeline();
    script.drop('12345678'); // the fixed prompts are leaves
    // value is 1 + rank, and the last use in the sixth decimal.
    expect(script.value('c')).toBeCloseTo(2, 5);
    expect(script.value('t')).toBeCloseTo(2 - 1 / 6, 5);
    expect(script.value('p')).toBeCloseTo(2 - 2 / 6, 5);
    script.call('four', 'planner', 'p'); // a run that begins: the planner runs now
    expect(script.value('p')).toBeCloseTo(2, 5);
  });

  it('learns no transition between sessions', () => {
    const script = new RetentionScript(kvflow, { activeCalls: 1, edgeThreshold: 0.6 });
    for (let turn = 0; turn < 6; turn++) {
      script.call(`a${turn}`, 'planner', 'p');
      script.call(`b${turn}`, 'tester', 't');
    }
    script.call('c', 'planner', 'p');
    // The last two calls were the tester's and the planner's sessions; with activeCalls 1 both still run.
    script.call('c', 'planner', 'p');
    script.call('c', 'planner', 'p');
    // No session goes from planner to tester: two agents, equally likely, are no edge above 0.6.
    expect(script.value('t')).toBeCloseTo(1, 5);
  });
});
