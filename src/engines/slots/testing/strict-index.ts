/** A retention index that checks how it is spoken to, and whose values are arbitrary but fixed: any choice must be right. */
import type { CacheUnit, Lease, RetentionIndex, StateBytes, Touch, UnitId } from '../../../core/index.ts';

interface Known { readonly parent: UnitId | undefined; children: number; resident: boolean }

export class StrictIndex implements RetentionIndex {
  readonly #units = new Map<UnitId, Known>();
  readonly #valueOf: (unit: UnitId, nowMs: number) => number;
  readonly complaints: string[] = [];

  constructor(valueOf: (unit: UnitId, nowMs: number) => number = (unit, nowMs) => ((unit * 7919 + Math.floor(nowMs / 50) * 104729) % 97) / 97) {
    this.#valueOf = valueOf;
  }

  get size(): number { return this.#units.size; }
  get residents(): number { return [...this.#units.values()].filter((unit) => unit.resident).length; }

  define(unit: CacheUnit): void {
    if (this.#units.has(unit.id)) this.complaints.push(`unit ${unit.id} defined twice`);
    if (!(unit.marginalPrefillMs > 0)) this.complaints.push(`unit ${unit.id} costs ${unit.marginalPrefillMs}`);
    if (unit.parent !== undefined) {
      const parent = this.#units.get(unit.parent);
      if (parent === undefined) this.complaints.push(`unit ${unit.id} defined before its parent`);
      else parent.children++;
    }
    this.#units.set(unit.id, { parent: unit.parent, children: 0, resident: false });
  }

  touch(touch: Touch): void {
    let parent: UnitId | undefined;
    for (const id of touch.units as Iterable<number> as Iterable<UnitId>) {
      const unit = this.#units.get(id);
      if (unit === undefined) this.complaints.push(`unknown unit ${id} touched`);
      else if (unit.parent !== parent) this.complaints.push(`unit ${id} is not the child of the one before it`);
      parent = id;
    }
    if (touch.first < 0 || touch.first > touch.units.length) this.complaints.push(`first ${touch.first} of ${touch.units.length}`);
  }

  setResident(id: UnitId, resident: boolean): void {
    const unit = this.#units.get(id);
    if (unit === undefined) this.complaints.push(`residency of unknown unit ${id}`);
    else if (unit.resident === resident) this.complaints.push(`unit ${id} was resident=${resident} already`);
    else unit.resident = resident;
  }

  forget(id: UnitId): void {
    const unit = this.#units.get(id);
    if (unit === undefined) { this.complaints.push(`unknown unit ${id} forgotten`); return; }
    if (unit.resident) this.complaints.push(`resident unit ${id} forgotten`);
    if (unit.children > 0) this.complaints.push(`unit ${id} forgotten before its children`);
    if (unit.parent !== undefined) (this.#units.get(unit.parent) as Known).children--;
    this.#units.delete(id);
  }

  value(id: UnitId, nowMs: number): number {
    if (!this.#units.has(id)) this.complaints.push(`value of unknown unit ${id}`);
    return this.#valueOf(id, nowMs);
  }

  victims(): Iterable<UnitId> { return []; }
  leases(): readonly Lease[] { return []; }
  stateBytes(): StateBytes { return { learned: 0, working: 0, ghosts: 0 }; }
}
