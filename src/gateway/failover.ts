/** Who serves a call when the first choice cannot: only while nobody has taken it up, so that nothing is done twice. */
import { EntresolError, type Engine } from '../core/index.ts';

/** It was not sent, or the answer said that it was not taken up. */
export function notTaken(thrown: unknown): boolean {
  return thrown instanceof EntresolError && (thrown.code === 'ENT_ENGINE_UNAVAILABLE' || thrown.code === 'ENT_UPSTREAM_BUSY');
}

/**
 * @param choose one of those that are left
 * @param attempt may throw what `notTaken` tells only while no byte of an answer has gone out; `others`: another could take the call
 */
export async function untilTaken(able: readonly Engine[], choose: (left: readonly Engine[]) => Engine, attempt: (engine: Engine, others: boolean) => Promise<void>): Promise<void> {
  let left = able;
  for (;;) {
    const engine = choose(left);
    left = left.filter((other) => other !== engine);
    const others = left.some((other) => other.healthy());
    try {
      await attempt(engine, others);
      return;
    } catch (thrown) {
      if (!others || !notTaken(thrown)) throw thrown;
    }
  }
}
