import { readFileSync } from 'node:fs';
import { EntresolError } from '../../core/index.ts';
import { DEFAULT_TOKEN_COST } from '../../engines/simulated/token-cost.ts';

/**
 * What prefilling a token costs: a linear part (projections and feed-forward) and a part that grows with the tokens
 * before it (attention).
 */
export interface PrefillCostModel {
  readonly linearMsPerToken: number;
  /** Per token and token attended to. */
  readonly attentionMsPerPair: number;
}

/**
 * A dense 8-billion-parameter transformer (32 layers of width 4,096) at 8,000 tokens a second, the rate of replay rule
 * 2. Per token 2 × 8·10⁹ operations linear, 4 × 32 × 4,096 per token attended to (Kaplan et al. 2020, arXiv
 * 2001.08361, table 1): attention equals the linear part at about 30,500 tokens.
 */
export const DEFAULT_PREFILL_COST: PrefillCostModel = {
  linearMsPerToken: 1 / 8,
  attentionMsPerPair: (1 / 8) * ((4 * 32 * 4096) / (2 * 8e9)),
};

/**
 * Curves by name. `embedded` is the one measured on llama.cpp with a 21 MB model on one CPU thread, which the simulated
 * engine runs by too.
 */
export const PREFILL_COSTS: Readonly<Record<string, PrefillCostModel>> = {
  'dense-8b': DEFAULT_PREFILL_COST,
  embedded: { linearMsPerToken: DEFAULT_TOKEN_COST.prefillMsPerToken, attentionMsPerPair: DEFAULT_TOKEN_COST.attentionMsPerTokenAndPosition },
};

/**
 * A curve by its name, or from a JSON file with the two fields of `PrefillCostModel`.
 * @throws EntresolError `ENT_USAGE` for a file that cannot be read or holds no curve
 */
export function prefillCostOf(reference: string): PrefillCostModel {
  if (Object.hasOwn(PREFILL_COSTS, reference)) return PREFILL_COSTS[reference];
  const expected = `expected ${Object.keys(PREFILL_COSTS).join(', ')}, or a JSON file with linearMsPerToken and attentionMsPerPair, numbers from 0, not both 0`;
  let curve: Partial<PrefillCostModel> | null;
  try {
    curve = JSON.parse(readFileSync(reference, 'utf8')) as Partial<PrefillCostModel> | null;
  } catch (error) {
    throw new EntresolError('ENT_USAGE', `${expected}; found ${JSON.stringify(reference)}: ${(error as Error).message}.`, { at: '--prefill-cost', cause: error });
  }
  const { linearMsPerToken, attentionMsPerPair } = curve ?? {};
  if (!isCost(linearMsPerToken) || !isCost(attentionMsPerPair) || linearMsPerToken + attentionMsPerPair === 0) {
    throw new EntresolError('ENT_USAGE', `${expected}; found ${JSON.stringify(curve)}.`, { at: `--prefill-cost ${reference}` });
  }
  return { linearMsPerToken, attentionMsPerPair };
}

function isCost(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

/** Milliseconds to prefill tokens `from` to `to` when those before `from` are there. */
export function prefillMs(model: PrefillCostModel, from: number, to: number): number {
  return model.linearMsPerToken * (to - from) + (model.attentionMsPerPair * (to * to - from * from)) / 2;
}
