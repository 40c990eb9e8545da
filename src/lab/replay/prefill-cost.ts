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

/** Milliseconds to prefill tokens `from` to `to` when those before `from` are there. */
export function prefillMs(model: PrefillCostModel, from: number, to: number): number {
  return model.linearMsPerToken * (to - from) + (model.attentionMsPerPair * (to * to - from * from)) / 2;
}
