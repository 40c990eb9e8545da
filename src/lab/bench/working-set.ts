/** Rule 7 of the replay rules at a block size of one token: C × Σ n·U / Σ n over sessions of n calls and U distinct prefix tokens. */
import { commonPrefixLength, type PlannedSession } from './planned-session.ts';

function chainOf(prompt: Int32Array, output: Int32Array): Int32Array {
  const chain = new Int32Array(prompt.length + output.length);
  chain.set(prompt);
  chain.set(output, prompt.length);
  return chain;
}

/** Nodes of the prefix tree of a session's prompts and answers. */
export function distinctTokens(session: PlannedSession): number {
  const chains: Int32Array[] = [];
  let distinct = 0;
  for (const call of session.calls) {
    const chain = chainOf(call.prompt, call.output);
    const shared = chains.reduce((most, earlier) => Math.max(most, commonPrefixLength(earlier, chain)), 0);
    distinct += chain.length - shared;
    chains.push(chain);
  }
  return distinct;
}

export function workingSetTokens(sessions: readonly PlannedSession[], concurrency: number): number {
  let weighted = 0;
  let calls = 0;
  for (const session of sessions) {
    weighted += session.calls.length * distinctTokens(session);
    calls += session.calls.length;
  }
  return calls === 0 ? 0 : Math.round((concurrency * weighted) / calls);
}
