import { BoundedMap, type Coordinate, type UnitId } from '../../../core/index.ts';
import { ROOT, type BlockTable } from './block-table.ts';

type Named = Pick<Coordinate, 'tenant' | 'workload' | 'session' | 'agent'>;

/** Lineages remembered; the one that was used longest ago makes room. */
const LINEAGE_CAPACITY = 4096;

/** The chain of blocks that each (session, agent) used last, so that intents can speak of it. */
export class Lineages {
  readonly #table: BlockTable;
  readonly #tails = new Map<string, { readonly unit: UnitId; readonly serial: number }>();
  readonly #prompts = new BoundedMap<string, Int32Array>(LINEAGE_CAPACITY);

  constructor(table: BlockTable) {
    this.#table = table;
  }

  /** @param chain root first */
  used(by: Named, chain: readonly UnitId[]): void {
    const tail = chain.at(-1);
    if (tail === undefined) return;
    const key = keyOf(by);
    this.#tails.delete(key);
    this.#tails.set(key, { unit: tail, serial: this.#table.serialOf(tail) });
    const [oldest] = this.#tails.keys();
    if (this.#tails.size > LINEAGE_CAPACITY) this.#tails.delete(oldest);
  }

  /** The prompt of its latest call. */
  keepPrompt(by: Named, prompt: Int32Array): void { this.#prompts.set(keyOf(by), prompt); }
  promptOf(by: Named): Int32Array | undefined { return this.#prompts.peek(keyOf(by)); }

  /** Root first; undefined if nothing is known of it (any more). */
  chainOf(by: Named): UnitId[] | undefined {
    const tail = this.#tails.get(keyOf(by));
    // A block's number is given again once it is forgotten, its serial is not. A known block's parents are known.
    if (tail === undefined || this.#table.serialOf(tail.unit) !== tail.serial) return undefined;
    const chain: UnitId[] = [];
    for (let unit: number = tail.unit; unit !== ROOT; unit = this.#table.parentOf(unit as UnitId)) chain.push(unit as UnitId);
    return chain.reverse();
  }
}

function keyOf({ tenant, workload, session, agent }: Named): string {
  return JSON.stringify([tenant, workload, session, agent]);
}
