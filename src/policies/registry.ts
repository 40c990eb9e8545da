import type { PolicyDefinition } from '../core/index.ts';
import { lru } from './lru/policy.ts';

/** One line per policy: what `--policies` and `replay --policy` know by name. */
export const POLICIES: readonly PolicyDefinition[] = [
  lru,
];
