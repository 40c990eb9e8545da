import type { PolicyDefinition } from '../core/index.ts';
import { cacheSage } from './cache-sage/policy.ts';
import { lru } from './lru/policy.ts';
import { anchorPin } from './rivals/anchor-pin/policy.ts';
import { cacheScout } from './rivals/cachescout/policy.ts';
import { cacheScoutSession } from './rivals/cachescout-session/policy.ts';
import { continuum } from './rivals/continuum/policy.ts';
import { kvflow } from './rivals/kvflow/policy.ts';
import { lecar } from './rivals/lecar/policy.ts';
import { lfu } from './rivals/lfu/policy.ts';
import { lhd } from './rivals/lhd/policy.ts';
import { lpc } from './rivals/lpc/policy.ts';
import { s3Fifo } from './rivals/s3-fifo/policy.ts';
import { saga } from './rivals/saga/policy.ts';
import { sieve } from './rivals/sieve/policy.ts';
import { wTinyLfu } from './rivals/w-tinylfu/policy.ts';

/** One line per policy: what `--policies` and `replay --policy` know by name. */
export const POLICIES: readonly PolicyDefinition[] = [
  cacheSage,
  lru,
  lfu,
  sieve,
  s3Fifo,
  wTinyLfu,
  lhd,
  lecar,
  anchorPin,
  cacheScout,
  cacheScoutSession,
  kvflow,
  continuum,
  saga,
  lpc,
];
