import type { UnitId } from '../core/index.ts';
import type { ResidentTree } from './resident-tree.ts';

/**
 * At least `blocks` blocks of resident, unpinned units, children before parents, if there are as many: first what was
 * proposed, as far as it keeps the rules, then by least recent use.
 */
export function soundVictims(tree: ResidentTree, proposed: Iterable<UnitId>, blocks: number, pinned: (unit: UnitId) => boolean): UnitId[] {
  const chosen = new Set<UnitId>();
  const chosenChildren = new Map<UnitId, number>();
  const result: UnitId[] = [];
  let freed = 0;
  const consider = (unit: UnitId): void => {
    if (chosen.has(unit) || !tree.isResident(unit) || pinned(unit)) return;
    if (tree.residentChildren(unit) > (chosenChildren.get(unit) ?? 0)) return;
    chosen.add(unit);
    result.push(unit);
    freed += tree.sizeBlocks(unit);
    const parent = tree.parent(unit);
    if (parent !== undefined) chosenChildren.set(parent, (chosenChildren.get(parent) ?? 0) + 1);
  };
  for (const unit of proposed) {
    if (freed >= blocks) return result;
    consider(unit);
  }
  for (const unit of tree.oldestFirst()) {
    if (freed >= blocks) return result;
    consider(unit);
  }
  return result;
}

/** All resident units by `worth`, lowest first; a prefix is worth at least what hangs from it, so children come first. */
export function factoredVictims(tree: ResidentTree, worth: (unit: UnitId) => number): UnitId[] {
  const raised = new Map<UnitId, number>();
  const units = [...tree.oldestFirst()];
  for (const unit of units) {
    const value = Math.max(worth(unit), raised.get(unit) ?? 0);
    raised.set(unit, value);
    const parent = tree.parent(unit);
    if (parent !== undefined) raised.set(parent, Math.max(raised.get(parent) ?? 0, value));
  }
  // A stable sort: among equals the order of least recent use stays, and with it children before parents.
  return units.sort((a, b) => (raised.get(a) ?? 0) - (raised.get(b) ?? 0));
}
