/** Whether warm-ups were of use: told by the next call of the same agent in the same session. */
import { BoundedMap, type WarmUpOutcome } from '../../core/index.ts';
import { sessionOf, type Lineage } from './kept-calls.ts';

/** Done, and not told of: beyond it the oldest count as unused. */
const OPEN = 4096;

interface Done { readonly session: string; /** Of the prompt, that was in the cache before; undefined where the engine does not count. */ readonly foundTokens: number | undefined; readonly computedTokens: number }

const keyOf = (by: Lineage): string => JSON.stringify([sessionOf(by), by.agent]);

export class WarmUpFates {
  readonly #done = new BoundedMap<string, Done>(OPEN);
  readonly #tell: (outcome: WarmUpOutcome, computedTokens: number) => void;

  constructor(tell: (outcome: WarmUpOutcome, computedTokens: number) => void) {
    this.#tell = tell;
  }

  done(by: Lineage, foundTokens: number | undefined, computedTokens: number): void {
    this.#end(keyOf(by), 'unused');
    const forgotten = this.#done.set(keyOf(by), { session: sessionOf(by), foundTokens, computedTokens });
    if (forgotten !== undefined) this.#tell('unused', forgotten[1].computedTokens);
  }

  /** @param cachedTokens undefined: the call failed, or the engine does not count */
  called(by: Lineage, cachedTokens: number | undefined): void {
    const key = keyOf(by);
    const done = this.#done.peek(key);
    if (done === undefined) return;
    this.#end(key, done.foundTokens === undefined || cachedTokens === undefined ? 'untold' : cachedTokens > done.foundTokens ? 'used' : 'unused');
  }

  sessionEnded(by: Omit<Lineage, 'agent'>): void {
    const session = sessionOf(by);
    for (const [key, done] of this.#done) if (done.session === session) this.#end(key, 'unused');
  }

  /** Nobody calls any more. */
  close(): void {
    for (const [key] of this.#done) this.#end(key, 'unused');
  }

  #end(key: string, outcome: WarmUpOutcome): void {
    const done = this.#done.peek(key);
    if (done === undefined) return;
    this.#done.delete(key);
    this.#tell(outcome, done.computedTokens);
  }
}
