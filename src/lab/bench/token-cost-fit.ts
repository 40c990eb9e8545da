/** Fits the simulated engine's cost model to the engine at hand, in a second or two. */
import { DEFAULT_TOKEN_COST, type TokenCost } from '../../engines/simulated/token-cost.ts';
import type { TokenEngine } from '../../engines/slots/token-engine.ts';

const SHORT_PROMPT = 256;
const DECODED = 24;
const REPEATS = 2;

const tokensFrom = (length: number): Int32Array => Int32Array.from({ length }, (_, index) => 300 + ((index * 7919) % 1_000));

async function prefillMsOf(engine: TokenEngine, tokens: number, nowMs: () => number): Promise<number> {
  let best = Infinity;
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    await engine.trim(0, 0);
    const startedMs = nowMs();
    await engine.prefill(0, tokensFrom(tokens));
    best = Math.min(best, nowMs() - startedMs);
  }
  return best;
}

async function decodeMsOf(engine: TokenEngine, nowMs: () => number): Promise<number> {
  await engine.trim(0, 0);
  await engine.prefill(0, tokensFrom(SHORT_PROMPT));
  let firstMs: number | undefined;
  const { output } = await engine.generate(0, tokensFrom(1), {
    maxTokens: DECODED, temperature: 0, forced: tokensFrom(DECODED), onToken: () => { firstMs ??= nowMs(); },
  });
  return (nowMs() - (firstMs ?? nowMs())) / Math.max(1, output.length - 1);
}

/** Uses sequence 0 of an engine that has nothing else to do; leaves it empty. */
export async function fitTokenCost(engine: TokenEngine, nowMs: () => number): Promise<TokenCost> {
  const longPrompt = Math.min(6 * SHORT_PROMPT, engine.contextTokens - DECODED - 2);
  await prefillMsOf(engine, 32, nowMs);
  const shortMs = await prefillMsOf(engine, SHORT_PROMPT, nowMs);
  const longMs = await prefillMsOf(engine, longPrompt, nowMs);
  const decodeMs = await decodeMsOf(engine, nowMs);
  await engine.trim(0, 0);
  // t(n) = a·n + b·n²/2 through both points; a slope that noise turned negative counts as none.
  const attention = Math.max(0, (2 * (longMs / longPrompt - shortMs / SHORT_PROMPT)) / (longPrompt - SHORT_PROMPT));
  return { ...DEFAULT_TOKEN_COST, prefillMsPerToken: Math.max(1e-3, shortMs / SHORT_PROMPT - (attention * SHORT_PROMPT) / 2), attentionMsPerTokenAndPosition: attention, decodeMs };
}
