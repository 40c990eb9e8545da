import { definePolicy } from '../../../core/index.ts';
import { LecarIndex } from './lecar-index.ts';

export const lecar = definePolicy({
  name: 'lecar',
  summary: 'LeCaR: LRU and LFU evict in turn by chance; regret for what is missed again shifts the weights.',
  decisions: ['retention'],
  parameters: {
    learningRate: { default: 0.45, minimum: 0, maximum: 100, description: 'λ: how far a regret of 1 moves the weights' },
    discountAtCapacity: { default: 0.005, minimum: 1e-9, maximum: 1, description: 'd^N: what is left of a regret after as many evictions as the cache has blocks' },
    initialLruWeight: { default: 0.5, minimum: 0.01, maximum: 0.99, description: 'Weight of LRU at first' },
  },
  create: ({ parameters, random, cache }) => ({ score: { retention: new LecarIndex(parameters, random, cache?.capacityBlocks) } }),
});
