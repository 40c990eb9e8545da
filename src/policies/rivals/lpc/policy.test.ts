import { describe, expect, it } from 'vitest';
import { agentId, instanceId, requestId, sessionId, workloadId, LOCAL_TENANT, type RequestEnd } from '../../../core/index.ts';
import { RetentionScript } from '../../testing/retention-script.ts';
import { ContinuationModel, featuresOf } from './continuation-model.ts';
import { lpc } from './policy.ts';

const end = (tools: readonly string[]): RequestEnd => ({
  type: 'request-end', atMs: 0, request: requestId('r'), status: 'ok', promptTokens: 100, cachedTokens: 0, outputTokens: 10, tools, warmup: false,
  by: { tenant: LOCAL_TENANT, workload: workloadId('w'), session: sessionId('s'), agent: agentId('a'), instance: instanceId('a'), step: 0 },
});

describe('ContinuationModel', () => {
  it('takes one step of gradient descent per outcome', () => {
    const model = new ContinuationModel(0.1);
    const features = featuresOf(end(['search']));
    expect(features).toHaveLength(9);
    expect(model.probability(features)).toBe(0.5);
    // Nine weights move by 0.1 · (1 − 0.5): the logit becomes 0.45.
    model.learn(features, true);
    expect(model.probability(features)).toBeCloseTo(1 / (1 + Math.exp(-0.45)), 6);
  });

  it('learns which tools end a conversation', () => {
    const model = new ContinuationModel(0.05);
    for (let turn = 0; turn < 200; turn++) {
      model.learn(featuresOf(end(['search'])), true);
      model.learn(featuresOf(end(['finish'])), false);
    }
    expect(model.probability(featuresOf(end(['search'])))).toBeGreaterThan(0.9);
    expect(model.probability(featuresOf(end(['finish'])))).toBeLessThan(0.1);
  });
});

describe('lpc', () => {
  it('is LRU while it knows nothing', () => {
    const script = new RetentionScript(lpc);
    script.turn('one', 'planner', 'ab');
    script.turn('two', 'planner', 'xy');
    expect(script.victims()).toBe('bayx');
  });

  it('counts a conversation as used τ · ln(1/p) earlier', () => {
    // No learning: p is 0.5 for all that has ended. One pause of 10 s: τ is 2 · 10 s, the handicap 20 s · ln 0.5 = −13.86 s.
    const script = new RetentionScript(lpc, { learningRate: 0, fadingPauses: 2 });
    script.turn('one', 'planner', 'a');
    script.pass(10_000);
    script.turn('one', 'planner', 'a'); // at 10 s
    expect(script.value('a')).toBeCloseTo(1 / (1 - (10 + 20 * Math.log(0.5))), 5);
    script.pass(4000);
    script.turn('two', 'planner', 'b'); // at 14 s
    expect(script.value('b')).toBeCloseTo(1 + 14 + 20 * Math.log(0.5), 5);
  });

  it('lets what is used earlier but likely to go on outlive what is not', () => {
    const script = new RetentionScript(lpc, { learningRate: 0.2 });
    for (let session = 0; session < 40; session++) {
      script.turn(`s${session}`, 'planner', 'p', ['search']);
      script.pass(1000);
      script.turn(`s${session}`, 'planner', 'p', ['finish']);
      script.pass(30_000); // the session before is silent for too long
    }
    script.turn('one', 'planner', 'a', ['search']);
    script.pass(1000);
    script.turn('two', 'planner', 'b', ['finish']);
    expect(script.victims(1, 'p')).toBe('b');
  });
});
