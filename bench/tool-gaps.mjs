/**
 * Prefetch and demotion between the steps of sessions, on the SIMULATED paged engine with a second tier, in virtual time:
 * hit rate and mean TTFT by what cache-sage may ask for, by what a copy costs, and by whether evicted blocks fall below by themselves.
 *
 *   npm run build && node bench/tool-gaps.mjs [--trace six-agents,tau2-multidomain,trail-swe] [--capacity 0.2] [--restore 0.02,0.2,1] [--think 8] [--json]
 */
import { createJiti } from 'jiti';
import { benchOptions } from './options.mjs';

const values = benchOptions(import.meta.url, {
  trace: { type: 'string', default: 'six-agents,tau2-multidomain,trail-swe' }, capacity: { type: 'string', default: '0.2' },
  restore: { type: 'string', default: '0.02,0.2,1' }, think: { type: 'string', default: '8' }, json: { type: 'boolean', default: false },
});
const jiti = createJiti(import.meta.url);
const { runToolGaps } = await jiti.import('../src/lab/tool-gaps/tool-gaps.ts');
const { sixAgentsWorkload } = await jiti.import('../src/lab/bench/six-agents-workload.ts');
const { scaleTrace } = await jiti.import('../src/lab/bench/trace-sessions.ts');
const { textTokens } = await jiti.import('../src/lab/bench/text-tokens.ts');
const { workingSetTokens } = await jiti.import('../src/lab/bench/working-set.ts');
const { locateTrace } = await jiti.import('../src/lab/trace/index.ts');
const { registeredPolicy } = await jiti.import('../src/runtime/load-policy.ts');

const CONTEXT_TOKENS = 8192;
const BLOCK_TOKENS = 16;
/** Below lies as much as the whole working set. */
const BELOW_WORKING_SETS = 1;
const CONCURRENCY = 16;
const VARIANTS = { neither: {}, prefetch: { prefetch: true }, demote: { demote: true }, both: { prefetch: true, demote: true } };

async function sessionsOf(name) {
  if (name === 'six-agents') return (await sixAgentsWorkload({ seed: 1, concurrency: CONCURRENCY, sessions: 60, tokenise: textTokens })).sessions;
  const scaled = await scaleTrace(locateTrace(name), { contextTokens: CONTEXT_TOKENS, sessions: 60 });
  if (scaled === undefined) throw new Error(`${name} does not scale`);
  return scaled.sessions;
}

const definition = registeredPolicy('cache-sage');
const rows = [];
for (const trace of values.trace.split(',')) {
  const sessions = await sessionsOf(trace);
  const blocks = Math.ceil(workingSetTokens(sessions, CONCURRENCY) / BLOCK_TOKENS);
  for (const keepsEvicted of [true, false]) {
    for (const restoreMsPerBlock of values.restore.split(',').map(Number)) {
      let neither;
      for (const [variant, parameters] of Object.entries(VARIANTS)) {
        const result = await runToolGaps({
          sessions, concurrency: CONCURRENCY, thinkMs: 1000 * Number(values.think), capacityBlocks: Math.max(600, Math.round(Number(values.capacity) * blocks)),
          hostTier: { capacityBlocks: blocks * BELOW_WORKING_SETS, restoreMsPerBlock, keepsEvicted }, policies: [{ definition, parameters }],
        });
        neither ??= result;
        const row = { trace, evictedFallsBelow: keepsEvicted, restoreMsPerBlock, variant, ...result, ttftRatio: result.ttftMsMean / neither.ttftMsMean, hitGainPoints: 100 * (result.hitRate - neither.hitRate) };
        rows.push(row);
        console.error(`${trace}, evicted blocks ${keepsEvicted ? 'fall below' : 'are lost'}, ${restoreMsPerBlock} ms a block, ${variant}: hits ${(100 * row.hitRate).toFixed(1)} % (${row.hitGainPoints >= 0 ? '+' : ''}${row.hitGainPoints.toFixed(1)}), TTFT ${row.ttftMsMean.toFixed(0)} ms (×${row.ttftRatio.toFixed(2)}), ${row.restoredBlocks} blocks copied up, asked: ${JSON.stringify(row.intents)}`);
      }
    }
  }
}
if (values.json) console.log(JSON.stringify({ engine: { kind: 'simulated', synthetic: true }, rows }));
