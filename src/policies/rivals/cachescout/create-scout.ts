import type { PolicyInstance } from '../../../core/index.ts';
import { AgentFingerprints } from './agent-fingerprints.ts';
import type { CurrentAgents } from './current-agents.ts';
import { ScoutIndex } from './scout-index.ts';
import type { SharedUnits } from './shared-units.ts';
import { TransitionGraph } from './transition-graph.ts';

/** Constants of the public replication (github.com/MostafaaElhadidy/Agentic-KV-Cache-Management); the paper gives none. */
export const SCOUT_PARAMETERS = {
  smoothing: { default: 0.01, minimum: 0, description: 'ε: smoothing of the transition counts' },
  edgeThreshold: { default: 0.1, minimum: 0, maximum: 1, description: 'τ: rarer transitions are no edges' },
  farthestHops: { default: 6, minimum: 1, description: 'E_max: hops from which on an agent counts as out of reach' },
  fadingPerStep: { default: 0.005, minimum: 0, description: 'λ: fading of recency per scheduler step (a call)' },
  floor: { default: 0.01, minimum: 0, description: 'δ: what is left of either factor at its lowest' },
  fingerprintBlocks: { default: 2, minimum: 1, description: 'Leading blocks of a prompt that tell its agent' },
  maximumAgents: { default: 256, minimum: 1, maximum: 4096, description: 'Agents tracked; prompts of others belong to none' },
} as const;

type ScoutParameters = { readonly [Name in keyof typeof SCOUT_PARAMETERS]: number };

export function createScout(parameters: ScoutParameters, current: CurrentAgents, sharedUnits?: SharedUnits): PolicyInstance {
  const graph = new TransitionGraph(parameters);
  const fingerprints = new AgentFingerprints(graph, parameters.fingerprintBlocks);
  return { score: { retention: new ScoutIndex({ graph, fingerprints, current, constants: parameters, sharedUnits }) } };
}
