import type { UnitId } from '../../../core/index.ts';
import { NONE } from '../../lru/recency-lists.ts';
import type { PrefixUnits } from '../prefix-units.ts';
import type { LeafHeap } from './leaf-heap.ts';

/** Several orders of the same leaves, and whose turn it is. */
export interface Electorate {
  readonly heaps: readonly LeafHeap[];
  /** The number of the heap that names the next victim. */
  choose(): number;
  /** That heap's choice is a victim. */
  chosen(unit: number, heap: number): void;
}

/**
 * Victims, leaf by leaf, until there are enough blocks or no leaf that is not pinned. Nothing is dropped: the engine
 * tells what it has dropped.
 */
export function pickLeaves(units: PrefixUnits, { heaps, choose, chosen }: Electorate, blocks: number, pinned: (unit: UnitId) => boolean): UnitId[] {
  const victims: UnitId[] = [];
  const aside: number[] = [];
  for (let freed = 0; freed < blocks;) {
    const heapNumber = choose();
    const unit = heaps[heapNumber].first() as UnitId | typeof NONE;
    if (unit === NONE) break;
    for (const heap of heaps) heap.skip(unit);
    if (pinned(unit)) {
      aside.push(unit);
      continue;
    }
    chosen(unit, heapNumber);
    victims.push(unit);
    freed += units.blocks[unit];
    // As if it were gone, until all are chosen.
    const parent = units.parents[unit];
    if (parent === NONE) continue;
    units.residentChildren[parent]--;
    if (units.isLeaf(parent)) for (const heap of heaps) heap.consider(parent);
  }
  for (const unit of victims) if (units.parents[unit] !== NONE) units.residentChildren[units.parents[unit]]++;
  for (const heap of heaps) {
    for (const unit of victims) heap.consider(unit);
    for (const unit of aside) heap.consider(unit);
  }
  return victims;
}
