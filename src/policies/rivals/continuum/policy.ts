import { definePolicy } from '../../../core/index.ts';
import { LeafIndex } from '../leaves/leaf-index.ts';
import { ContinuumRanking } from './continuum-ranking.ts';

export const continuum = definePolicy({
  name: 'continuum',
  summary: 'Continuum: what a call used is pinned while its tool runs, for a time to live learned by tool; else LRU.',
  decisions: ['retention'],
  observes: ['session-end', 'request-arrive', 'request-end'],
  parameters: {
    coldStartTtlMs: { default: 2000, minimum: 0, description: 'Time to live until a tool or all tools together have been seen often enough' },
    leastSamples: { default: 5, minimum: 1, description: 'Pauses to have seen before their distribution counts' },
    handOvers: { default: false, candidates: [false, true], description: "Also pin after answers that call no tool, as if each agent's answer were a tool" },
  },
  create({ parameters, cache }) {
    let ranking: ContinuumRanking | undefined;
    const index = new LeafIndex((of) => (ranking = new ContinuumRanking(of, parameters, cache?.capacityBlocks)));
    return { observe: (event) => ranking?.observe(event), score: { retention: index } };
  },
});
