import { definePolicy } from '../../../core/index.ts';
import { LeafIndex } from '../leaves/leaf-index.ts';
import { UseCounts } from './use-counts.ts';

export const lfu = definePolicy({
  name: 'lfu',
  summary: 'Evicts what was used least often while it was resident, with dynamic aging (LFU-DA).',
  decisions: ['retention'],
  parameters: {
    aging: { default: true, description: 'New uses start from the rank of what was evicted last, so that old favourites fade' },
  },
  create: ({ parameters }) => ({ score: { retention: new LeafIndex((index) => new UseCounts(index.units, parameters.aging)) } }),
});
