import { beforeAll, describe, expect, it } from 'vitest';
import { registeredPolicy } from '../../runtime/load-policy.ts';
import { sixAgentsWorkload } from '../bench/six-agents-workload.ts';
import type { PlannedSession } from '../bench/planned-session.ts';
import { textTokens } from '../bench/text-tokens.ts';
import { runToolGaps, type ToolGapResult } from './tool-gaps.ts';

describe('six agents on a paged engine with a tier below', () => {
  let sessions: readonly PlannedSession[];
  const run = (keepsEvicted: boolean, parameters: Record<string, boolean>): Promise<ToolGapResult> => {
    const definition = registeredPolicy('cache-sage');
    if (definition === undefined) throw new Error('cache-sage is not registered');
    return runToolGaps({
      sessions, concurrency: 6, thinkMs: 8000, capacityBlocks: 500,
      hostTier: { capacityBlocks: 20_000, restoreMsPerBlock: 0.2, keepsEvicted }, policies: [{ definition, parameters }],
    });
  };

  beforeAll(async () => { ({ sessions } = await sixAgentsWorkload({ seed: 1, concurrency: 6, sessions: 12, tokenise: textTokens })); });

  it('find more in the cache, sooner, where what would be lost is moved below', async () => {
    const [neither, demote] = [await run(false, {}), await run(false, { demote: true })];
    expect([neither.restoredBlocks, neither.intents]).toEqual([0, {}]);
    expect(demote.intents.demote).toBeGreaterThan(0);
    expect(demote.restoredBlocks).toBeGreaterThan(0);
    expect(demote.hitRate).toBeGreaterThan(neither.hitRate + 0.03);
    expect(demote.ttftMsMean).toBeLessThan(neither.ttftMsMean);
  });

  it('move nothing where what is evicted falls below by itself, and lose nothing by what they bring back', async () => {
    const [neither, both] = [await run(true, {}), await run(true, { demote: true, prefetch: true })];
    expect(both.intents.demote).toBeUndefined();
    expect(both.hitRate).toBeGreaterThan(neither.hitRate - 0.01);
    expect(both.ttftMsMean).toBeLessThan(1.02 * neither.ttftMsMean);
  });
});
