import { definePolicy } from '../../../core/index.ts';
import { LhdIndex } from './lhd-index.ts';

export const lhd = definePolicy({
  name: 'lhd',
  summary: 'LHD: evicts the least expected hits per time kept, learned by age and class, among a random sample.',
  decisions: ['retention'],
  parameters: {
    samples: { default: 32, minimum: 1, maximum: 1024, description: 'Leaves compared per victim' },
    decay: { default: 0.9, minimum: 0, maximum: 0.999, description: 'What is left of the counts at each renewal of the densities' },
    renewal: { default: 2, minimum: 0.01, maximum: 1000, description: 'Accesses per block of capacity between two renewals' },
    explorerShare: { default: 0.01, minimum: 0, maximum: 1, description: 'Share of the cache for explorers, which are kept in order to see late hits' },
    explorerOdds: { default: 32, minimum: 1, description: 'One in so many new units becomes an explorer while there is room' },
  },
  create: ({ parameters, random, cache }) => ({ score: { retention: new LhdIndex(parameters, random, cache?.capacityBlocks) } }),
});
