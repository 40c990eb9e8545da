import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EntresolError, LOCAL_TENANT, agentId, instanceId, requestId, sessionId, workloadId, type Coordinate } from '../core/index.ts';
import { SUM_BINS } from './time-grid.ts';
import { WorkloadLearner } from './workload-learner.ts';

const by = (session: string, agent: string): Coordinate => ({
  tenant: LOCAL_TENANT, workload: workloadId('w'), session: sessionId(session), agent: agentId(agent), instance: instanceId(agent), step: 0,
});

function taught(): WorkloadLearner {
  const learner = new WorkloadLearner();
  for (let index = 0; index < 120; index++) {
    const coordinate = by(`s${index % 7}`, `agent-${index % 3}`);
    const request = requestId(`r${index}`);
    learner.observe({ type: 'request-arrive', atMs: index * 700, by: coordinate, request, model: 'm', promptTokens: 100, warmup: false });
    learner.observe({ type: 'request-end', atMs: index * 700 + 90, by: coordinate, request, status: 'ok', promptTokens: 100, cachedTokens: 0, outputTokens: 30, stop: 'stop', tools: ['search'], warmup: false });
  }
  return learner;
}

/** FNV-1a over all but the last four bytes, which hold it: so that what is wrong is the content. */
function signed(bytes: Uint8Array): Uint8Array {
  let hash = 2166136261;
  for (const byte of bytes.subarray(0, -4)) hash = Math.imul(hash ^ byte, 16777619);
  new DataView(bytes.buffer).setUint32(bytes.length - 4, hash >>> 0, true);
  return bytes;
}

function numbersOf(learner: WorkloadLearner): number[] {
  learner.observe({ type: 'request-arrive', atMs: 1e6, by: by('new', 'agent-1'), request: requestId('new'), model: 'm', promptTokens: 100, warmup: false });
  const live = learner.session(sessionId('new'));
  if (live === undefined) throw new Error('no session');
  const next = new Float64Array(SUM_BINS);
  learner.nextCall(live, 1e6 + 4000, next);
  const chances = new Float64Array(learner.horizons);
  learner.touchChances(live, 0, learner.agentKey(agentId('agent-1')), 0, 1, chances);
  return [...next, ...chances, learner.endRate];
}

describe('a snapshot whose checksum is right and whose content is not', () => {
  const learner = taught();
  const good = learner.snapshot();

  function check(bytes: Uint8Array): void {
    learner.restore(good);
    try {
      learner.restore(signed(bytes));
    } catch (error) {
      expect(error).toBeInstanceOf(EntresolError);
      expect(error).toMatchObject({ code: 'ENT_SNAPSHOT_INVALID' });
      expect(Buffer.compare(learner.snapshot(), good)).toBe(0);
      return;
    }
    expect(numbersOf(learner).filter((number) => !(number >= 0 && number <= 1 + 1e-9))).toEqual([]);
  }

  it('is refused wherever a number is none, or what is forecast from it are probabilities', () => {
    // NaN by whatever width and wherever it begins.
    const none = new Uint8Array(32).fill(0xff);
    for (let at = 12; at < good.length - 4 - none.length; at += none.length) {
      const bytes = good.slice();
      bytes.set(none, at);
      check(bytes);
    }
  });

  it('is refused, or what is forecast from it are probabilities, whatever was changed', () => {
    const change = fc.record({ at: fc.nat(good.length - 33), bytes: fc.uint8Array({ minLength: 1, maxLength: 16 }) });
    fc.assert(fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
      const bytes = good.slice();
      for (const { at, bytes: other } of changes) bytes.set(other, 12 + at);
      check(bytes);
    }), { numRuns: 60 });
  });
});
