/** Where a prompt's longest loadable prefix lies. O(prompt units), whatever the number of states. */
import { commonPrefix } from '../common-prefix.ts';
import type { HeldState, Unit } from './held-state.ts';

/** A state and how many leading tokens of the prompt it holds. */
export interface Source {
  readonly state: HeldState;
  readonly reuse: number;
}

export interface Sources {
  readonly inSlot: Source | undefined;
  readonly inStore: Source | undefined;
}

/** States compared token by token at the deepest common unit; more only hold the same few tokens more or less. */
const MAXIMUM_COMPARED = 16;

const inIdleSlot = (state: HeldState): boolean => state.slot?.busy === false;
const isSaved = (state: HeldState): boolean => state.saved !== undefined;

export function findSources(chain: readonly Unit[], tokens: Int32Array): Sources {
  return { inSlot: best(chain, tokens, inIdleSlot), inStore: best(chain, tokens, isSaved) };
}

/** Leading tokens held by any state that passes. */
export function longestHeld(chain: readonly Unit[], tokens: Int32Array, passes: (state: HeldState) => boolean): number {
  return best(chain, tokens, passes)?.reuse ?? 0;
}

function best(chain: readonly Unit[], tokens: Int32Array, passes: (state: HeldState) => boolean): Source | undefined {
  let low = 0;
  let high = chain.length;
  // Whoever holds a unit holds its ancestors: the held part is a prefix.
  while (low < high) {
    const middle = (low + high) >> 1;
    if (some(chain[middle].holders, passes)) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return undefined;
  let found: Source | undefined;
  let compared = 0;
  for (const state of chain[low - 1].holders) {
    if (!passes(state)) continue;
    // From the first token on: hashes find candidates, tokens decide.
    const reuse = Math.min(commonPrefix(state.tokens, tokens), tokens.length);
    if (reuse > 0 && (found === undefined || reuse > found.reuse || (reuse === found.reuse && state.tokens.length < found.state.tokens.length))) found = { state, reuse };
    if (++compared >= MAXIMUM_COMPARED) break;
  }
  return found;
}

function some(states: ReadonlySet<HeldState>, passes: (state: HeldState) => boolean): boolean {
  for (const state of states) if (passes(state)) return true;
  return false;
}
