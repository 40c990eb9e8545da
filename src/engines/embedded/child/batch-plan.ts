/** What goes into the next batch: every decode, then at most one piece of one prompt. */

export interface Candidate {
  readonly sequence: number;
  /** Tokens that must still be evaluated before the next one can be decoded; at least 1. */
  readonly remaining: number;
}
export interface Share {
  readonly sequence: number;
  readonly tokens: number;
}

/**
 * Decodes go first, so that a long prompt delays running answers by one piece at most; of several prompts the
 * first in order is finished before the next begins, which gives the best mean time to first token.
 * @param candidates in order of arrival
 */
export function planBatch(candidates: readonly Candidate[], chunkTokens: number): Share[] {
  const shares = candidates.filter((candidate) => candidate.remaining === 1).map((candidate) => ({ sequence: candidate.sequence, tokens: 1 }));
  const prompt = candidates.find((candidate) => candidate.remaining > 1);
  if (prompt !== undefined) shares.push({ sequence: prompt.sequence, tokens: Math.min(chunkTokens, prompt.remaining) });
  return shares;
}
