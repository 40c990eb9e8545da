/** The reason in words: how often an agent came back and what it had said before was gone. */
import type { CallSample } from './measures.ts';

export interface LostHistories {
  /** Calls whose agent had spoken in the session before. */
  readonly returns: number;
  /** Of these, calls that found less than half of the agent's last prompt. */
  readonly lost: number;
  /** Tokens computed again that had been computed before. */
  readonly tokensComputedAgain: number;
  /** Lost by agent, most first. */
  readonly byAgent: readonly { readonly agent: string; readonly lost: number }[];
}

const LOST_BELOW = 0.5;

/** @param samples of one side, each session's in any order */
export function lostHistories(samples: readonly CallSample[]): LostHistories {
  const lastPrompt = new Map<string, number>();
  const lostByAgent = new Map<string, number>();
  let returns = 0;
  let tokensComputedAgain = 0;
  for (const sample of [...samples].sort((a, b) => a.step - b.step)) {
    const key = `${sample.session}\n${sample.agent}`;
    const before = lastPrompt.get(key);
    lastPrompt.set(key, sample.promptTokens);
    if (before === undefined || before > sample.promptTokens) continue;
    returns++;
    tokensComputedAgain += Math.max(0, before - sample.cachedTokens);
    if (sample.cachedTokens < LOST_BELOW * before) lostByAgent.set(sample.agent, (lostByAgent.get(sample.agent) ?? 0) + 1);
  }
  const byAgent = [...lostByAgent].map(([agent, lost]) => ({ agent, lost })).sort((a, b) => b.lost - a.lost);
  return { returns, lost: byAgent.reduce((sum, each) => sum + each.lost, 0), tokensComputedAgain, byAgent };
}
