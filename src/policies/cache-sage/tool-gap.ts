/**
 * Where a session's history is best kept while it waits for a tool: at hand, or on a tier below from which it can be
 * brought back. The same values decide as for evictions. At hand it saves the restore per hit; its room would save
 * others the price per block-second that evictions go at:
 *
 *   at hand pays while  Σ worth · restoreMs  ≥  price · blocks
 *
 * Where what is evicted falls to the tier below by itself, those others lose no more than a restore either. Of how much less
 * that is than a prefill, what we have at hand is the best example: Σ worth · prefillMs ≥ price · blocks. And nothing is
 * gained by moving below what would go there anyway, once its room is wanted.
 * Asked again while the session waits: it is worth more at hand the nearer its return.
 */
import type { GroupValues } from './group-values.ts';
import type { LiveSessions } from './live-sessions.ts';
import type { PrefixTree } from './prefix-tree.ts';

export type GapChoice = 'bring-back' | 'move-below' | 'nothing';

/** Groups looked at, the latest used first. */
const MOST_GROUPS = 64;
/** A copy shorter than this is not worth asking for. */
const LEAST_RESTORE_MS = 1;
/** What is brought back takes another's place: at the bare price that one is soon brought back in its turn (`bench/tool-gaps.mjs`). */
const DISPLACEMENT = 4;

export interface GapSource {
  readonly tree: PrefixTree;
  readonly sessions: LiveSessions;
  readonly values: GroupValues;
  /** What evictions went at of late, in ms per block-second; 0 while none is needed. */
  readonly price: number;
  readonly keepsEvicted: boolean;
}

/** For what this session alone has used: what it shares has other users to be at hand for. */
export function chooseForGap({ tree, sessions, values, price, keepsEvicted }: GapSource, session: number, nowMs: number): GapChoice {
  const { groups, members, units } = tree;
  sessions.look(session, nowMs);
  let restoreSaved = 0;
  let saved = 0;
  let blocks = 0;
  let residentUnits = 0;
  let awayMs = 0;
  let looked = 0;
  for (let member = members.firstOf(session); member >= 0 && looked < MOST_GROUPS; member = members.nextInSession[member]) {
    const group = members.group[member];
    looked++;
    if (groups.sharers[group] !== 1) continue;
    const worth = values.worthTo(member);
    for (let unit = groups.last[group]; unit >= 0 && units.group[unit] === group; unit = units.parent[unit]) {
      if (Number.isNaN(units.restoreMs[unit])) continue;
      restoreSaved += worth * units.restoreMs[unit];
      saved += worth * units.costMs[unit];
      blocks += units.blocks[unit];
      if (units.resident[unit] === 1) residentUnits++;
      else awayMs += units.restoreMs[unit];
    }
  }
  if (blocks === 0 || saved <= 0) return 'nothing';
  const savedAtHand = keepsEvicted ? saved : restoreSaved;
  if (awayMs >= LEAST_RESTORE_MS && savedAtHand >= DISPLACEMENT * price * blocks) return 'bring-back';
  if (keepsEvicted || savedAtHand >= price * blocks) return 'nothing';
  return saved > restoreSaved && residentUnits > 0 ? 'move-below' : 'nothing';
}
