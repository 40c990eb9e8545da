/**
 * Identity of blocks: a block is its own tokens and all before it, within one tenant. Ids are dense; one is used
 * again after `release`. Keys are the tokens themselves, so two blocks are never taken for one.
 */
import { unitId, type TenantId, type UnitId } from '../../../core/index.ts';

export const ROOT = -1;

interface Entry {
  readonly key: string;
  readonly tenant: TenantId;
  readonly parent: number;
  readonly depth: number;
  /** Never given twice, unlike the id. */
  readonly serial: number;
  children: number;
}

export class BlockTable {
  readonly #blockTokens: number;
  readonly #ids = new Map<string, number>();
  readonly #entries: (Entry | undefined)[] = [];
  readonly #free: number[] = [];
  #serial = 0;

  constructor(blockTokens: number) {
    this.#blockTokens = blockTokens;
  }

  get size(): number { return this.#ids.size; }

  /** The unit of the block that begins at `from` after `parent`; undefined if it is not known. */
  find(tenant: TenantId, parent: number, tokens: ArrayLike<number>, from: number): UnitId | undefined {
    const id = this.#ids.get(this.#key(tenant, parent, tokens, from));
    return id === undefined ? undefined : unitId(id);
  }

  /** As `find`, but makes the unit if need be. */
  intern(tenant: TenantId, parent: number, tokens: ArrayLike<number>, from: number): { unit: UnitId; isNew: boolean } {
    const key = this.#key(tenant, parent, tokens, from);
    const known = this.#ids.get(key);
    if (known !== undefined) return { unit: unitId(known), isNew: false };
    const id = this.#free.pop() ?? this.#entries.length;
    const above = parent === ROOT ? undefined : this.#entries[parent];
    this.#entries[id] = { key, tenant, parent, depth: above === undefined ? 0 : above.depth + 1, serial: this.#serial++, children: 0 };
    if (above !== undefined) above.children++;
    this.#ids.set(key, id);
    return { unit: unitId(id), isNew: true };
  }

  has(unit: UnitId): boolean { return this.#entries[unit] !== undefined; }

  tenantOf(unit: UnitId): TenantId { return this.#entry(unit).tenant; }

  parentOf(unit: UnitId): number { return this.#entry(unit).parent; }

  /** Tells a block from an earlier one of the same number; -1 for a number not in use. */
  serialOf(unit: UnitId): number { return this.#entries[unit]?.serial ?? -1; }

  /** Blocks before it in its chain. */
  depthOf(unit: UnitId): number { return this.#entry(unit).depth; }

  childrenOf(unit: UnitId): number { return this.#entry(unit).children; }

  /** Gives the id of a unit without children away. */
  release(unit: UnitId): void {
    const { key, parent } = this.#entry(unit);
    this.#ids.delete(key);
    this.#entries[unit] = undefined;
    this.#free.push(unit);
    if (parent !== ROOT) this.#entry(unitId(parent)).children--;
  }

  #entry(unit: UnitId): Entry {
    const entry = this.#entries[unit];
    if (entry === undefined) throw new RangeError(`block ${unit} is not in the table`);
    return entry;
  }

  #key(tenant: TenantId, parent: number, tokens: ArrayLike<number>, from: number): string {
    let key = parent === ROOT ? `${tenant}/` : `${parent}:`;
    for (let index = from; index < from + this.#blockTokens; index++) key += `${tokens[index]},`;
    return key;
  }
}
