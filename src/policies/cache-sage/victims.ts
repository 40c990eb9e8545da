import { unitId, type UnitId } from '../../core/index.ts';
import type { Frontier } from './frontier.ts';
import type { PrefixTree } from './prefix-tree.ts';

/**
 * Picks resident units to evict, lowest group first, deepest unit first; a group becomes eligible when nothing
 * resident is left below it. The engine tells what it has dropped; nearly always that is all of it, so what has been picked stays out
 * of the order until then (`Frontier.settle`): to put each group back would take three times as long as to pick it.
 */
export function pickVictims(tree: PrefixTree, frontier: Frontier, blocks: number, pinned: (unit: UnitId) => boolean): UnitId[] {
  const { units, groups } = tree;
  const picked: UnitId[] = [];
  const emptied: number[] = [];
  let wanted = blocks;
  while (wanted > 0) {
    const group = frontier.take();
    if (group < 0) break;
    let blocked = false;
    for (let unit = groups.last[group]; unit >= 0 && units.group[unit] === group; unit = units.parent[unit]) {
      if (units.resident[unit] === 0) continue;
      if (wanted <= 0 || pinned(unitId(unit))) {
        blocked = true;
        break;
      }
      picked.push(unitId(unit));
      wanted -= units.blocks[unit];
    }
    if (blocked) continue;
    emptied.push(group);
    frontier.expose(group);
  }
  for (const group of emptied) frontier.cover(group);
  return picked;
}
