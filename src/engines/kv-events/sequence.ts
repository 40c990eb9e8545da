/**
 * The order of a publisher's messages. It numbers them from 0; a gap means that some were lost on the way, a number
 * that goes back that it was started anew. Pure.
 */
export type Arrival =
  | { readonly kind: 'next' }
  /** The first that was ever seen: `missed` went before it. */
  | { readonly kind: 'first'; readonly missed: number }
  | { readonly kind: 'gap'; readonly from: number; readonly missed: number }
  /** Another publisher, or the same started anew; `missed` of its own went before this one. */
  | { readonly kind: 'restart'; readonly missed: number };

export class Sequence {
  #next: number | undefined;

  /** What should come next; undefined before the first. */
  get next(): number | undefined { return this.#next; }

  arrive(sequence: number): Arrival {
    const expected = this.#next;
    this.#next = sequence + 1;
    if (expected === undefined) return { kind: 'first', missed: sequence };
    if (sequence === expected) return { kind: 'next' };
    return sequence > expected ? { kind: 'gap', from: expected, missed: sequence - expected } : { kind: 'restart', missed: sequence };
  }

  forget(): void { this.#next = undefined; }
}
