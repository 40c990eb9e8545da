/** How each side lays out the same total of KV memory: some in slots (each a whole context), the rest in the store. */
import { EntresolError } from '../../core/index.ts';

export interface MemoryLayout {
  readonly slots: number;
  readonly storeTokens: number;
}

/** llama-server's own default number of slots. */
const LLAMA_SERVER_SLOTS = 4;
/** Slots are registers: one computes its prompt while the others decode. More of them pay only beside an ample store. */
const OWN_SLOTS = [{ fromContexts: 20, slots: 4 }, { fromContexts: 16, slots: 3 }, { fromContexts: 12, slots: 2 }, { fromContexts: 1, slots: 1 }] as const;

/** Total memory in tokens: the stated fraction of the working set, but at least what llama-server takes as it comes. */
export function totalMemoryTokens(workingSetTokens: number, capacityFraction: number, contextTokens: number): number {
  return Math.max(LLAMA_SERVER_SLOTS * contextTokens, Math.round(capacityFraction * workingSetTokens));
}

export type LayoutKind = 'llama-server' | 'no-host-store' | 'own';

/** @throws EntresolError `ENT_USAGE` if the total holds less than one context */
export function layOut(kind: LayoutKind, totalTokens: number, contextTokens: number): MemoryLayout {
  const contexts = Math.floor(totalTokens / contextTokens);
  if (contexts < 1) throw new EntresolError('ENT_USAGE', `${totalTokens} tokens of memory hold no context of ${contextTokens}.`);
  if (kind === 'no-host-store') return { slots: contexts, storeTokens: 0 };
  const ownSlots = OWN_SLOTS.find(({ fromContexts }) => contexts >= fromContexts)?.slots ?? 1;
  const slots = Math.min(contexts, kind === 'own' ? ownSlots : LLAMA_SERVER_SLOTS);
  return { slots, storeTokens: totalTokens - slots * contextTokens };
}
