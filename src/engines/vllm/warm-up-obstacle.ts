/** Why an engine cannot be warmed up, in words for `doctor`: what is offered to policies and what is shown have one answer. */
import type { CacheLink } from './cache-link.ts';
import type { EngineFigures } from './metrics-page.ts';
import type { Surface } from './surface.ts';
import type { WarmUps } from './warm-ups.ts';

export interface WarmUpFacts {
  readonly warmUps: Pick<WarmUps, 'refused'>;
  readonly surface: Pick<Surface, 'ordersByPriority'> | undefined;
  readonly figures: EngineFigures | undefined;
  readonly link: Pick<CacheLink, 'subscriptions'> | undefined;
}

/** @returns undefined: it can */
export function warmUpObstacle({ warmUps, surface, figures, link }: WarmUpFacts): { readonly detail: string; readonly mend?: string } | undefined {
  // The look makes a call of its own: that one was refused, or this one.
  if (warmUps.refused || surface?.ordersByPriority === undefined) return { detail: 'a call of our own was refused, and a client\'s credential is never used for one', mend: 'Give the upstream a credential of its own, if it wants one.' };
  if (figures === undefined) return { detail: 'it does not tell whether calls wait', mend: 'Let GET /metrics through.' };
  // Each has a cache of its own.
  return [...link?.subscriptions() ?? []].length > 1 ? { detail: 'of several ranks nobody knows which one a call goes to' } : undefined;
}
