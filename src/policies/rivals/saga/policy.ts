import { definePolicy } from '../../../core/index.ts';
import { LeafIndex } from '../leaves/leaf-index.ts';
import { SagaRanking } from './saga-ranking.ts';

export const saga = definePolicy({
  name: 'saga',
  summary: "SAGA: a session's caches share a lifetime learned by agent and tool; within it they rank by the chance of another step.",
  decisions: ['retention'],
  observes: ['session-end', 'request-arrive', 'request-end'],
  parameters: {
    quantile: { default: 0.99, candidates: [0.95, 0.99], minimum: 0.5, maximum: 0.999, description: 'Share of the returns after such a step that its lifetime covers' },
    coldStartLifetimeMs: { default: 30_000, minimum: 0, description: 'Lifetime until enough returns have been seen' },
    leastSamples: { default: 5, minimum: 1, description: 'Outcomes to have seen before those of a step alone count' },
  },
  create({ parameters }) {
    let ranking: SagaRanking | undefined;
    const index = new LeafIndex((of) => (ranking = new SagaRanking(of, parameters)));
    return { observe: (event) => ranking?.observe(event), score: { retention: index } };
  },
});
