import { unitId, type UnitId } from '../../core/index.ts';
import type { Frontier } from './frontier.ts';
import type { PrefixTree } from './prefix-tree.ts';

/**
 * Picks resident units to evict, lowest group first, deepest unit first; a group becomes eligible when nothing
 * resident is left below it. Nothing changes: the engine tells what it has dropped.
 */
export function pickVictims(tree: PrefixTree, frontier: Frontier, blocks: number, pinned: (unit: UnitId) => boolean): UnitId[] {
  const { units, groups } = tree;
  const { heap } = frontier;
  const picked: UnitId[] = [];
  const emptied: number[] = [];
  const pulled: number[] = [];
  let wanted = blocks;
  while (wanted > 0 && heap.size > 0) {
    const group = heap.top();
    frontier.pay(heap.keyOf(group));
    heap.remove(group);
    pulled.push(group);
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
  for (const group of pulled) frontier.putBack(group);
  return picked;
}
