import { definePolicy } from '../../../core/index.ts';
import { S3FifoIndex } from './s3-fifo-index.ts';

export const s3Fifo = definePolicy({
  name: 's3-fifo',
  summary: 'S3-FIFO: a small queue demotes what is not used again quickly, a ghost queue forgives, a main queue gives more rounds.',
  decisions: ['retention'],
  parameters: {
    smallShare: { default: 0.1, minimum: 0.001, maximum: 0.999, description: 'Share of the cache for the small queue' },
    usesToMove: { default: 2, minimum: 1, maximum: 3, description: 'Uses in the small queue from which on a unit moves to the main one' },
  },
  create: ({ parameters, cache }) => ({ score: { retention: new S3FifoIndex(parameters, cache?.capacityBlocks) } }),
});
