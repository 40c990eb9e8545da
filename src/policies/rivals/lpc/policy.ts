import { definePolicy } from '../../../core/index.ts';
import { LeafIndex } from '../leaves/leaf-index.ts';
import { LpcRanking } from './lpc-ranking.ts';

export const lpc = definePolicy({
  name: 'lpc',
  summary: 'LPC: LRU in which a conversation that is unlikely to go on counts as used longer ago; the chance is learned online.',
  decisions: ['retention'],
  observes: ['session-end', 'request-arrive', 'request-end'],
  parameters: {
    learningRate: { default: 0.05, minimum: 0, maximum: 1, description: 'Step of the logistic regression' },
    leastProbability: { default: 0.01, minimum: 1e-6, maximum: 1, description: 'No conversation counts as less likely to go on' },
    fadingPauses: { default: 32, candidates: [8, 32], minimum: 0, maximum: 1000, description: 'τ in mean pauses between the calls of a session' },
  },
  create({ parameters }) {
    let ranking: LpcRanking | undefined;
    const index = new LeafIndex((of) => (ranking = new LpcRanking(of, parameters)));
    return { observe: (event) => ranking?.observe(event), score: { retention: index } };
  },
});
