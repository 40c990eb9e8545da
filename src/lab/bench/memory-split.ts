/** How each side lays out the same total of KV memory: some in slots (each a whole context), the rest in the store. */
import { EntresolError } from '../../core/index.ts';

export interface MemoryLayout {
  readonly slots: number;
  readonly storeTokens: number;
}

/** llama-server's own default number of slots. */
const LLAMA_SERVER_SLOTS = 4;
/** Slots are registers: one computes its prompt, one or two decode. */
const OWN_SLOTS = 3;
/** Below this neither side can run two calls at once and keep anything. */
const LEAST_CONTEXTS = 3;

/** Total memory in tokens: the stated fraction of the working set, but at least what the engine needs to run. */
export function totalMemoryTokens(workingSetTokens: number, capacityFraction: number, contextTokens: number): number {
  return Math.max(LEAST_CONTEXTS * contextTokens, Math.round(capacityFraction * workingSetTokens));
}

export type LayoutKind = 'llama-server' | 'no-host-store' | 'own';

/** @throws EntresolError `ENT_USAGE` if the total holds less than one context */
export function layOut(kind: LayoutKind, totalTokens: number, contextTokens: number): MemoryLayout {
  const contexts = Math.floor(totalTokens / contextTokens);
  if (contexts < 1) throw new EntresolError('ENT_USAGE', `${totalTokens} tokens of memory hold no context of ${contextTokens}.`);
  if (kind === 'no-host-store') return { slots: contexts, storeTokens: 0 };
  // Our own manager gains more from the store than from a third slot as long as the store is smaller than the slots.
  const ownSlots = contexts >= 2 * OWN_SLOTS ? OWN_SLOTS : 2;
  const slots = Math.min(contexts, kind === 'own' ? ownSlots : LLAMA_SERVER_SLOTS);
  return { slots, storeTokens: totalTokens - slots * contextTokens };
}
