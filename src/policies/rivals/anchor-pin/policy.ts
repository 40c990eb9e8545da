import { definePolicy } from '../../../core/index.ts';
import { AnchorIndex } from './anchor-index.ts';

export const anchorPin = definePolicy({
  name: 'anchor-pin',
  summary: 'LRU that evicts anchors (prompt blocks an agent has used in two sessions) last; no prediction.',
  decisions: ['retention'],
  create: () => ({ score: { retention: new AnchorIndex() } }),
});
