import type { PolicyDefinition } from '../core/index.ts';
import { cacheSage } from './cache-sage/policy.ts';
import { lru } from './lru/policy.ts';
import { anchorPin } from './rivals/anchor-pin/policy.ts';
import { cacheScout } from './rivals/cachescout/policy.ts';
import { cacheScoutSession } from './rivals/cachescout-session/policy.ts';

/** One line per policy: what `--policies` and `replay --policy` know by name. */
export const POLICIES: readonly PolicyDefinition[] = [
  cacheSage,
  lru,
  anchorPin,
  cacheScout,
  cacheScoutSession,
];
