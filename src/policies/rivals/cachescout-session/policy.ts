import { definePolicy } from '../../../core/index.ts';
import { SCOUT_PARAMETERS, createScout } from '../cachescout/create-scout.ts';
import { SessionCurrentAgents } from '../cachescout/current-agents.ts';
import { SharedUnits } from '../cachescout/shared-units.ts';

export const cacheScoutSession = definePolicy({
  name: 'cachescout-session',
  summary: 'CacheScout mended: a current agent per session, and only blocks that two sessions have used belong to an agent.',
  decisions: ['retention'],
  parameters: {
    ...SCOUT_PARAMETERS,
    activeSteps: { default: 200, minimum: 1, description: 'A session counts for so many calls after its last one (1/λ)' },
  },
  create: ({ parameters }) => createScout(parameters, new SessionCurrentAgents(parameters.activeSteps), new SharedUnits()),
});
