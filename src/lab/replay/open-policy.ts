import { EntresolError, LOCAL_TENANT, seededRandom } from '../../core/index.ts';
import type { ParameterTable, ParameterValues, PolicyDefinition, PolicyInstance } from '../../core/index.ts';
import type { ContenderContext } from './contender.ts';

const SEED = 1;

/** An instance of the policy, as any engine would make it. @throws EntresolError `ENT_POLICY_INVALID` if it has no retention index */
export function openPolicy(definition: PolicyDefinition, parameters: ParameterValues<ParameterTable>, { trace, capacityBlocks, clock, learners }: ContenderContext): PolicyInstance {
  const instance = definition.create({
    tenant: LOCAL_TENANT,
    clock,
    random: seededRandom(SEED),
    parameters,
    learners,
    cache: { capacityBlocks, blockTokens: trace.blockTokens },
  });
  if (instance.score?.retention === undefined) {
    throw new EntresolError('ENT_POLICY_INVALID', `Policy ${definition.name} has no score.retention: replay measures retention only.`, { at: definition.name });
  }
  return instance;
}
