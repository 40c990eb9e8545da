import { definePolicy } from '../../../core/index.ts';
import { TinyLfuIndex } from './w-tinylfu-index.ts';

export const wTinyLfu = definePolicy({
  name: 'w-tinylfu',
  summary: 'W-TinyLFU: a small LRU window, and a segmented LRU that admits what a frequency sketch has counted more often.',
  decisions: ['retention'],
  parameters: {
    windowShare: { default: 0.01, minimum: 0.001, maximum: 0.999, description: 'Share of the cache for the window' },
    protectedShare: { default: 0.8, minimum: 0, maximum: 1, description: 'Share of the main cache for what was used while on probation' },
  },
  create: ({ parameters, cache }) => ({ score: { retention: new TinyLfuIndex(parameters, cache?.capacityBlocks) } }),
});
