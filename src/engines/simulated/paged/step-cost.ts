/** What a step of continuous batching costs: reading the weights once, every prefilled token, every decoding sequence. */
export interface StepCost {
  readonly stepMs: number;
  readonly prefillMsPerToken: number;
  /** Attention: per prefilled token and token before it. */
  readonly attentionMsPerPair: number;
  readonly decodeMsPerSequence: number;
}

/**
 * An 8-billion-parameter model on one accelerator: 8,000 tokens of prefill a second, attention equal to the rest at
 * 30,500 tokens (the lab's cost model), some 60 tokens a second for a call among sixteen.
 */
export const DEFAULT_STEP_COST: StepCost = {
  stepMs: 12,
  prefillMsPerToken: 1 / 8,
  attentionMsPerPair: (1 / 8) * ((4 * 32 * 4096) / (2 * 8e9)),
  decodeMsPerSequence: 0.25,
};

/** Milliseconds to prefill tokens `from` to `to`, what comes before them being there. */
export function prefillCostMs(cost: StepCost, from: number, to: number): number {
  return cost.prefillMsPerToken * (to - from) + (cost.attentionMsPerPair * (to * to - from * from)) / 2;
}
