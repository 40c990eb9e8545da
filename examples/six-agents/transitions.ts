/** How much knowing who speaks tells about who speaks next. */
export interface TransitionEntropy {
  /** Bits: H(next). */
  readonly next: number;
  /** Bits: H(next | current). */
  readonly nextGivenCurrent: number;
  /** 1 − H(next | current) / H(next). */
  readonly fall: number;
}

function entropy(counts: Iterable<number>): number {
  const values = [...counts];
  const total = values.reduce((sum, value) => sum + value, 0);
  return values.reduce((sum, value) => (value === 0 ? sum : sum - (value / total) * Math.log2(value / total)), 0);
}

/**
 * @param sessions the agents of each session, in order of their calls
 * @param repeats whether a call by the same agent counts as a transition (published figures leave them out)
 */
export function transitionEntropy(sessions: readonly (readonly string[])[], repeats: boolean): TransitionEntropy {
  const next = new Map<string, number>();
  const byCurrent = new Map<string, Map<string, number>>();
  let total = 0;
  for (const agents of sessions) {
    for (let index = 1; index < agents.length; index++) {
      const current = agents[index - 1];
      const following = agents[index];
      if (!repeats && current === following) continue;
      const row = byCurrent.get(current) ?? new Map<string, number>();
      byCurrent.set(current, row);
      row.set(following, (row.get(following) ?? 0) + 1);
      next.set(following, (next.get(following) ?? 0) + 1);
      total++;
    }
  }
  let conditional = 0;
  for (const row of byCurrent.values()) {
    const weight = [...row.values()].reduce((sum, value) => sum + value, 0) / total;
    conditional += weight * entropy(row.values());
  }
  const marginal = entropy(next.values());
  return { next: marginal, nextGivenCurrent: conditional, fall: marginal === 0 ? 0 : 1 - conditional / marginal };
}
