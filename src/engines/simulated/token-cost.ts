/** What work costs on the simulated engine, in ms. The shape was fitted to llama.cpp on one CPU thread. */
export interface TokenCost {
  /** Fixed part of a batch. */
  readonly batchMs: number;
  readonly prefillMsPerToken: number;
  /** Attention: per prefilled token and position before it. */
  readonly attentionMsPerTokenAndPosition: number;
  readonly decodeMs: number;
  /** Fixed part of saving or loading a state. */
  readonly stateMs: number;
  readonly stateMsPerToken: number;
}

/** A 21 MB model on one thread of a desktop CPU: 2,000 tokens take about 1.1 s, a save or load of them 3.5 ms. */
export const DEFAULT_TOKEN_COST: TokenCost = {
  batchMs: 1,
  prefillMsPerToken: 0.33,
  attentionMsPerTokenAndPosition: 0.00022,
  decodeMs: 4.5,
  stateMs: 0.5,
  stateMsPerToken: 0.0015,
};

export function prefillMs(cost: TokenCost, tokens: number, position: number): number {
  return cost.prefillMsPerToken * tokens + cost.attentionMsPerTokenAndPosition * tokens * (position + tokens / 2);
}

export function stateMs(cost: TokenCost, tokens: number): number {
  return cost.stateMs + cost.stateMsPerToken * tokens;
}
