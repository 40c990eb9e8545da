import type { CacheUnit, RetentionIndex, UnitId } from '../../../core/index.ts';

/** Checks what an engine must keep to: define once, parents first, residence of what is defined, children forgotten first. */
export class StrictIndex implements RetentionIndex {
  readonly units = new Map<UnitId, { unit: CacheUnit; resident: boolean; children: number }>();
  readonly touches: { units: number[]; first: number; origin: string }[] = [];

  define(unit: CacheUnit): void {
    if (this.units.has(unit.id)) throw new Error(`unit ${unit.id} is defined twice`);
    if (unit.parent !== undefined) {
      const parent = this.units.get(unit.parent);
      if (parent === undefined) throw new Error(`unit ${unit.id} before its parent ${unit.parent}`);
      parent.children += 1;
    }
    this.units.set(unit.id, { unit, resident: false, children: 0 });
  }
  touch({ units, first, origin }: { units: Int32Array; first: number; origin: string }): void {
    for (const unit of units) if (!this.units.has(unit as UnitId)) throw new Error(`touch of ${unit}, which is not defined`);
    this.touches.push({ units: [...units], first, origin });
  }
  setResident(unit: UnitId, resident: boolean): void {
    const known = this.units.get(unit);
    if (known === undefined) throw new Error(`residence of ${unit}, which is not defined`);
    known.resident = resident;
  }
  forget(unit: UnitId): void {
    const known = this.units.get(unit);
    if (known === undefined || known.resident || known.children > 0) throw new Error(`unit ${unit} cannot be forgotten`);
    const parent = known.unit.parent === undefined ? undefined : this.units.get(known.unit.parent);
    if (parent !== undefined) parent.children -= 1;
    this.units.delete(unit);
  }
  value(): number { return 0; }
  victims(): Iterable<UnitId> { return []; }
  leases(): readonly never[] { return []; }
  stateBytes(): { learned: number; working: number; ghosts: number } { return { learned: 0, working: 0, ghosts: 0 }; }
}
