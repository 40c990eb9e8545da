/**
 * Where a session's history is best kept while it waits for a tool: at hand, or on a tier below from which it can be
 * brought back. The same value decides as for evictions, with what is at stake put in its place:
 *
 *   at hand pays while  Σ worth · restoreMs  ≥  price · blocks
 *
 * Having it at hand saves the restore per hit; the room would save others the price per block-second that evictions go
 * at. On a tier below it still saves prefill less restore per hit. Without a tier below there is nothing to decide.
 */
import type { GroupValues } from './group-values.ts';
import type { LiveSessions } from './live-sessions.ts';
import type { PrefixTree } from './prefix-tree.ts';

export type GapChoice = 'at-hand' | 'below' | 'nothing';

/** Groups looked at, the latest used first. */
const MOST_GROUPS = 64;

export interface GapSource {
  readonly tree: PrefixTree;
  readonly sessions: LiveSessions;
  readonly values: GroupValues;
  /** What evictions went at of late, in ms per block-second; 0 while none is needed. */
  readonly price: number;
}

/** For what this session alone has used: what it shares has other users to be at hand for. */
export function chooseForGap({ tree, sessions, values, price }: GapSource, session: number, nowMs: number): GapChoice {
  const { groups, members, units } = tree;
  sessions.look(session, nowMs);
  let restoreSaved = 0;
  let saved = 0;
  let blocks = 0;
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
    }
  }
  if (blocks === 0 || saved <= 0) return 'nothing';
  if (restoreSaved >= price * blocks) return 'at-hand';
  return saved > restoreSaved ? 'below' : 'nothing';
}
