import { definePolicy } from '../../../core/index.ts';
import { LeafIndex } from '../leaves/leaf-index.ts';
import { KvflowRanking } from './kvflow-ranking.ts';

export const kvflow = definePolicy({
  name: 'kvflow',
  summary: "KVFlow: keeps each agent's prompt by how few steps are left until it runs again, by a graph learned within sessions.",
  decisions: ['retention'],
  parameters: {
    smoothing: { default: 0.01, minimum: 0, description: 'Smoothing of the transition counts' },
    edgeThreshold: { default: 0.1, minimum: 0, maximum: 1, description: 'Rarer transitions are no edges' },
    farthestHops: { default: 6, minimum: 1, description: 'Steps from which on an agent counts as out of reach' },
    activeCalls: { default: 200, minimum: 1, description: 'A session counts for so many calls of all sessions after its last one' },
    maximumAgents: { default: 256, minimum: 1, maximum: 4096, description: 'Agents tracked; what others use goes first' },
  },
  create: ({ parameters }) => ({ score: { retention: new LeafIndex((index) => new KvflowRanking(index, parameters)) } }),
});
