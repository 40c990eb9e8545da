import { BoundedMap, type CacheTarget } from '../../core/index.ts';
import { lineageId } from './lineage-id.ts';

const MAXIMUM_LINEAGES = 100_000;

/** Which lineages policies retain, for servers that can be told so with a lineage's next call only. */
export class RetainedLineages {
  #until = new BoundedMap<string, number>(MAXIMUM_LINEAGES);

  retain(target: Extract<CacheTarget, { kind: 'lineage' }>, untilMs: number): void { this.#until.set(lineageId(target), untilMs); }

  release(target: Extract<CacheTarget, { kind: 'lineage' }>): void { this.#until.delete(lineageId(target)); }

  /** Until when; undefined: it is not retained, or no longer. @param id of `lineageId` */
  until(id: string, nowMs: number): number | undefined {
    const untilMs = this.#until.get(id);
    if (untilMs === undefined || untilMs >= nowMs) return untilMs;
    this.#until.delete(id);
    return undefined;
  }

  clear(): void { this.#until = new BoundedMap(MAXIMUM_LINEAGES); }
}
