/**
 * Constants are chosen for each trace on the others alone: what is reported for a trace has never seen it. By
 * construction: the choice is handed the scores of the other traces and nothing else.
 */

export interface VariantScore {
  readonly trace: string;
  /** Index into the contestant's variants. */
  readonly variant: number;
  /** Mean share of the trace's pairs with headroom; null where it has none. */
  readonly share: number | null;
}

export interface Choice {
  readonly variant: number;
  /** The traces that it was chosen on. */
  readonly traces: readonly string[];
}

/** The variant with the best mean share over the other traces; ties, and nothing to choose on, go to the first. */
export function chooseWithout(trace: string, scores: readonly VariantScore[], variants: number): Choice {
  const others = scores.filter((score) => score.trace !== trace && score.share !== null);
  const traces = [...new Set(others.map((score) => score.trace))];
  let best = 0;
  let most = -Infinity;
  for (let variant = 0; variant < variants; variant++) {
    const shares = others.filter((score) => score.variant === variant).map(({ share }) => share as number);
    const total = shares.reduce((sum, share) => sum + share, 0);
    if (shares.length === traces.length && total > most) {
      most = total;
      best = variant;
    }
  }
  return { variant: best, traces };
}
