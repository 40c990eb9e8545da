import { EntresolError, LOCAL_TENANT, seededRandom } from '../../core/index.ts';
import type { ParameterTable, ParameterValues, PolicyDefinition, PolicyInstance } from '../../core/index.ts';
import type { ContenderContext } from './contender.ts';

const SEED = 1;

/** An instance of the policy, as any engine would make it. @throws EntresolError `ENT_POLICY_INVALID` if it cannot be made or has no retention index */
export function openPolicy(definition: PolicyDefinition, parameters: ParameterValues<ParameterTable>, { trace, capacityBlocks, clock, learners }: ContenderContext): PolicyInstance {
  const services = { tenant: LOCAL_TENANT, clock, random: seededRandom(SEED), parameters, learners, cache: { capacityBlocks, blockTokens: trace.blockTokens } };
  let instance: PolicyInstance | undefined;
  try {
    instance = definition.create(services);
  } catch (cause) {
    throw new EntresolError('ENT_POLICY_INVALID', `create() of ${definition.name} threw: ${cause instanceof Error ? cause.message : String(cause)}.`, { at: definition.name, cause });
  }
  // A user's file may be plain JavaScript: nobody has checked what its create() gives.
  if (instance?.score?.retention === undefined) {
    throw new EntresolError('ENT_POLICY_INVALID', `Policy ${definition.name} has no score.retention: replay measures retention only.`, { at: definition.name });
  }
  return instance;
}
