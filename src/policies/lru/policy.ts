import { definePolicy } from '../../core/index.ts';
import { RecencyIndex } from './recency-index.ts';

export const lru = definePolicy({
  name: 'lru',
  summary: 'Evicts what was used longest ago; the baseline, and the fallback where no policy retains.',
  decisions: ['retention'],
  create: () => ({ score: { retention: new RecencyIndex() } }),
});
