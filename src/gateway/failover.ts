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
export function untilTaken(able: readonly Engine[], choose: (left: readonly Engine[]) => Engine, attempt: (engine: Engine, others: boolean) => Promise<void>): Promise<void> {
  const first = choose(able);
  return able.length === 1 ? attempt(first, false) : oneAfterTheOther(able, first, choose, attempt);
}

async function oneAfterTheOther(able: readonly Engine[], first: Engine, choose: (left: readonly Engine[]) => Engine, attempt: (engine: Engine, others: boolean) => Promise<void>): Promise<void> {
  let left = able;
  for (let engine = first; ; engine = choose(left)) {
    const tried = engine;
    left = left.filter((other) => other !== tried);
    const others = left.some((other) => other.healthy());
    try {
      await attempt(engine, others);
      return;
    } catch (thrown) {
      if (!others || !notTaken(thrown)) throw thrown;
    }
  }
}
