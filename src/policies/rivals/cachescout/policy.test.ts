import { describe, expect, it } from 'vitest';
import { RetentionScript } from '../../testing/retention-script.ts';
import { TransitionGraph } from './transition-graph.ts';
import { cacheScout } from './policy.ts';

const constants = { smoothing: 0.01, edgeThreshold: 0.1, farthestHops: 6, maximumAgents: 8 };

/** planner → coder → planner → coder → ...; the tester was called once, long ago. */
function pipeline(): RetentionScript {
  const script = new RetentionScript(cacheScout, { fingerprintBlocks: 1 });
  script.call('one', 'tester', 't', 'u');
  for (let turn = 0; turn < 12; turn++) {
    script.call('one', 'planner', 'p', 'q');
    script.call('one', 'coder', 'c', 'd');
  }
  return script;
}

/** Equation 9 for a block of one, with the default constants. */
const score = (survival: number, age: number): number => (survival + 0.01) * (Math.exp(-0.005 * age) + 0.01);

describe('TransitionGraph', () => {
  it('smooths counts, never counts staying, and measures hops along likely transitions', () => {
    const graph = new TransitionGraph(constants);
    const [planner, coder, tester, writer] = [graph.addAgent(), graph.addAgent(), graph.addAgent(), graph.addAgent()];
    for (let turn = 0; turn < 3; turn++) graph.observe(planner, coder);
    graph.observe(planner, planner);
    graph.observe(planner, tester);
    graph.observe(coder, tester);
    // Equation 3 with four agents: (3 + 0.01) / (4 + 4 × 0.01).
    expect(graph.probability(planner, coder)).toBeCloseTo(3.01 / 4.04, 12);
    expect(graph.probability(planner, writer)).toBeCloseTo(0.01 / 4.04, 12);
    graph.measureHops([coder]);
    // The tester has never been left: all its transitions are equally likely by smoothing, a quarter each, and so edges.
    expect([coder, tester, planner, writer].map((agent) => graph.survival(agent))).toEqual([1, 1 - 1 / 6, 1 - 2 / 6, 1 - 2 / 6]);
  });

  it('tracks no more agents than it has room for', () => {
    const graph = new TransitionGraph({ ...constants, maximumAgents: 2 });
    expect([graph.addAgent(), graph.addAgent(), graph.addAgent(), graph.agents, graph.bytes]).toEqual([0, 1, -1, 2, 16]);
  });
});

describe('cachescout', () => {
  it('evicts the agent that is out of reach first, then the one that comes next, then the current one', () => {
    // After the coder: the planner is one hop away; to the tester leads no edge (0.01 of 12).
    expect(pipeline().victims()).toBe('utqpdc');
  });

  it('scores a block by equation 9', () => {
    const script = pipeline();
    // value is the score times the unit's prefill cost, 2 ms here.
    expect(script.value('c')).toBeCloseTo(2 * score(1, 0), 12);
    expect(script.value('p')).toBeCloseTo(2 * score(5 / 6, 1), 12);
    expect(script.value('t')).toBeCloseTo(2 * score(0, 24), 12);
  });

  it('has one current agent for all sessions: interleaving teaches it transitions that no session makes', () => {
    const script = new RetentionScript(cacheScout, { fingerprintBlocks: 1 });
    for (let turn = 0; turn < 5; turn++) {
      script.call('one', 'planner', 'p');
      script.call('two', 'tester', 't');
    }
    // Each session has one agent, yet planner and tester seem to alternate.
    expect(script.value('p')).toBeCloseTo(2 * score(5 / 6, 1), 12);
  });

  it('gives all touched blocks to the agent, so a shared first block moves with the last to touch it', () => {
    const script = new RetentionScript(cacheScout, { fingerprintBlocks: 2 });
    script.call('one', 'planner', 'sp');
    script.call('one', 'coder', 'sc');
    expect(script.value('s')).toBeCloseTo(script.value('c'), 12);
  });

  it("gives an answer to its prompt's agent, whoever has called since", () => {
    const script = new RetentionScript(cacheScout, { fingerprintBlocks: 1 });
    script.begin('one', 'planner', 'p', 'q');
    script.call('two', 'coder', 'c');
    script.call('two', 'coder', 'c');
    script.end('one', 'planner', 'p', 'q');
    // The coder is the current agent; the planner's answer is as far away as the planner.
    expect(script.value('q')).toBeCloseTo(script.value('p'), 12);
    expect(script.value('q')).toBeLessThan(script.value('c'));
  });

  it('counts an answer in the making as used with its prompt, and forgets what was touched after it had gone', () => {
    const script = new RetentionScript(cacheScout, { fingerprintBlocks: 1 });
    script.begin('one', 'planner', 'p', 'qr');
    expect([script.value('q'), script.victims()]).toEqual([script.value('p'), 'rqp']);
    script.drop('rq');
    script.end('one', 'planner', 'p', 'qr');
    expect(script.victims()).toBe('p');
    expect(script.value('q')).toBe(0);
  });

  it('drops children before their parent even where the parent scores lower', () => {
    const script = new RetentionScript(cacheScout, { fingerprintBlocks: 2 });
    script.call('one', 'planner', 'sp');
    script.call('one', 'coder', 'sc');
    script.call('one', 'planner', 'xy');
    const order = script.victims();
    expect(order.indexOf('s')).toBeGreaterThan(Math.max(order.indexOf('p'), order.indexOf('c')));
    expect([...order].sort().join('')).toBe('cpsxy');
  });
});
