/** A paged cache as an engine keeps it, in the smallest form: chains of units by session and agent, pins, reuse of ids. */
import { unitId, type Coordinate, type RetentionIndex, type UnitId } from '../core/index.ts';

const ANCHOR_UNITS = 3;
const LONGEST_CHAIN = 24;

interface Unit {
  readonly parent: UnitId | undefined;
  readonly sizeBlocks: number;
  children: number;
  /** Conversations that hold it in their chain. */
  holders: number;
  resident: boolean;
  residentChildren: number;
}

export class CacheModel {
  readonly units = new Map<UnitId, Unit>();
  residentBlocks = 0;
  readonly #index: RetentionIndex;
  readonly #chains = new Map<string, UnitId[]>();
  readonly #anchors = new Map<string, UnitId[]>();
  readonly #free: UnitId[] = [];
  #next = 0;

  constructor(index: RetentionIndex) {
    this.#index = index;
  }

  #define(parent: UnitId | undefined, depth: number): UnitId {
    const id = this.#free.pop() ?? unitId(this.#next++);
    const sizeBlocks = depth % 5 === 4 ? 2 : 1;
    this.units.set(id, { parent, sizeBlocks, children: 0, holders: 0, resident: false, residentChildren: 0 });
    if (parent !== undefined) this.unit(parent).children += 1;
    this.#index.define({ id, sizeBlocks, marginalPrefillMs: 1 + depth / 10, ...(parent === undefined ? {} : { parent }) });
    return id;
  }

  unit(id: UnitId): Unit {
    const unit = this.units.get(id);
    if (unit === undefined) throw new RangeError(`unit ${id} is not there`);
    return unit;
  }

  #extend(chain: UnitId[], count: number): void {
    for (let added = 0; added < count; added++) chain.push(this.#define(chain.at(-1), chain.length));
  }

  #hold(chain: readonly UnitId[], by: number): void {
    for (const id of chain) this.unit(id).holders += by;
  }

  /** One call: its agent's anchor, its history, `grown` new prompt units, `answered` of its answer. It becomes resident. */
  call(by: Coordinate, grown: number, answered: number, nowMs: number): void {
    const key = `${by.workload}/${by.session}/${by.agent}`;
    const anchorKey = `${by.workload}/${by.agent}`;
    let anchor = this.#anchors.get(anchorKey);
    if (anchor === undefined) {
      anchor = [];
      this.#extend(anchor, ANCHOR_UNITS);
      this.#hold(anchor, 1);
      this.#anchors.set(anchorKey, anchor);
    }
    const known = this.#chains.get(key);
    if (known !== undefined) this.#hold(known, -1);
    const chain = known === undefined || known.length > LONGEST_CHAIN ? [...anchor] : known;
    this.#extend(chain, grown);
    const prompt = chain.length;
    this.#index.touch({ by, units: Int32Array.from(chain), first: 0, origin: 'prompt' }, nowMs);
    for (const id of chain) this.#setResident(id, true);
    this.#extend(chain, answered);
    this.#index.touch({ by, units: Int32Array.from(chain), first: prompt, origin: 'output' }, nowMs);
    for (const id of chain) this.#setResident(id, true);
    this.#hold(chain, 1);
    this.#chains.set(key, chain);
  }

  #setResident(id: UnitId, resident: boolean): void {
    const unit = this.unit(id);
    if (unit.resident === resident) return;
    unit.resident = resident;
    this.residentBlocks += resident ? unit.sizeBlocks : -unit.sizeBlocks;
    if (unit.parent !== undefined) this.unit(unit.parent).residentChildren += resident ? 1 : -1;
    this.#index.setResident(id, resident);
  }

  chainOf(by: Coordinate): readonly UnitId[] { return this.#chains.get(`${by.workload}/${by.session}/${by.agent}`) ?? []; }

  freeable(pinned: ReadonlySet<UnitId>): number {
    let blocks = this.residentBlocks;
    for (const id of pinned) if (this.unit(id).resident) blocks -= this.unit(id).sizeBlocks;
    return blocks;
  }

  evict(victims: readonly UnitId[]): void {
    for (const id of victims) this.#setResident(id, false);
  }

  /** Ends a conversation; its units may then be forgotten. */
  close(by: Coordinate): void {
    this.#hold(this.chainOf(by), -1);
    this.#chains.delete(`${by.workload}/${by.session}/${by.agent}`);
  }

  /** Forgets what is neither resident nor held, leaves first; the ids are used again. */
  forgetAbsent(): void {
    for (let again = true; again;) {
      again = false;
      for (const [id, unit] of this.units) {
        if (unit.resident || unit.holders > 0 || unit.children > 0) continue;
        this.units.delete(id);
        if (unit.parent !== undefined) this.unit(unit.parent).children -= 1;
        this.#index.forget(id);
        this.#free.push(id);
        again = true;
      }
    }
  }
}
