import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ringTruth, syntheticTrace } from '../synthetic/index.ts';
import { seededRandom } from '../../core/index.ts';
import { PREFILL_COSTS, prefillCostOf, prefillMs } from './prefill-cost.ts';
import { TraceReplays } from './replay-trace.ts';
import { resolveContender } from './resolve-contenders.ts';

const folder = mkdtempSync(join(tmpdir(), 'entresol-cost-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
function fileOf(text: string): string {
  const path = join(folder, 'curve.json');
  writeFileSync(path, text);
  return path;
}

describe('prefill cost', () => {
  it('makes late tokens dearer: the measured curve takes 1.1 s for 2,000 tokens, the second half more of it', () => {
    const curve = PREFILL_COSTS.embedded;
    expect(prefillMs(curve, 0, 2000)).toBeCloseTo(1100, 6);
    expect(prefillMs(curve, 1000, 2000)).toBeGreaterThan(1.4 * prefillMs(curve, 0, 1000));
  });

  it('reads a curve by name or from a file, and refuses what is none', () => {
    expect(prefillCostOf('embedded')).toBe(PREFILL_COSTS.embedded);
    expect(prefillCostOf(fileOf('{"linearMsPerToken": 0.5, "attentionMsPerPair": 0}'))).toEqual({ linearMsPerToken: 0.5, attentionMsPerPair: 0 });
    for (const text of ['{', 'null', '{}', '{"linearMsPerToken": -1, "attentionMsPerPair": 1}', '{"linearMsPerToken": 0, "attentionMsPerPair": 0}', '{"linearMsPerToken": "1", "attentionMsPerPair": 0}']) {
      expect(() => prefillCostOf(fileOf(text))).toThrowError(expect.objectContaining({ code: 'ENT_USAGE' }));
    }
    expect(() => prefillCostOf('constructor')).toThrowError(expect.objectContaining({ code: 'ENT_USAGE' }));
  });

  it('prices what a replay saved, and leaves hits alone where they are what is weighed', async () => {
    const truth = ringTruth({ agents: 3, calls: 6, equallyLong: false, order: 1, endShown: 0.5, pauseSpread: 0.5, outputSpread: 0.5 }, seededRandom(1));
    const replays = new TraceReplays(syntheticTrace(truth, { sessions: 20, seed: 2 }), 4);
    const infinite = await resolveContender('infinite', {});
    const linear = (ms: number) => replays.row(infinite, 1, 'exact', { linearMsPerToken: ms, attentionMsPerPair: 0 });
    expect(linear(2).prefillMsSaved).toBe(2 * linear(1).prefillMsSaved);
    expect(linear(2).hitRate).toBe(linear(1).hitRate);
    expect(linear(1).prefillMsSaved).toBeGreaterThan(0);
  });
});
