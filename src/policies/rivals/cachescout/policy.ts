import { definePolicy } from '../../../core/index.ts';
import { SCOUT_PARAMETERS, createScout } from './create-scout.ts';
import { GlobalCurrentAgent } from './current-agents.ts';

export const cacheScout = definePolicy({
  name: 'cachescout',
  summary: 'CacheScout as published: one current agent for all sessions, hops on the transition graph, fading recency.',
  decisions: ['retention'],
  parameters: SCOUT_PARAMETERS,
  create: ({ parameters }) => createScout(parameters, new GlobalCurrentAgent()),
});
