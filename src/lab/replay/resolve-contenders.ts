import { EntresolError } from '../../core/index.ts';
import { loadPolicy } from '../../runtime/load-policy.ts';
import type { Contender } from './contender.ts';
import { BOUND_NAMES, boundNamed, contenderFor } from './contenders.ts';
import type { ParameterChoice } from './parallel/job.ts';

/**
 * A policy or a bound by name, or a policy by the path of its file.
 * @param parameters over the policy's defaults
 * @throws EntresolError `ENT_POLICY_UNKNOWN`, `ENT_POLICY_INVALID`, `ENT_CONFIG_INVALID`
 */
export async function resolveContender(reference: string, parameters: ParameterChoice = {}): Promise<Contender> {
  return boundNamed(reference) ?? contenderFor(await loadPolicy(reference, BOUND_NAMES), parameters);
}

/**
 * Contenders in the order of their references.
 * @throws EntresolError as `resolveContender`, and `ENT_USAGE` for none or twice the same
 */
export async function resolveContenders(references: readonly string[]): Promise<Contender[]> {
  if (references.length === 0) throw new EntresolError('ENT_USAGE', 'expected at least one policy.', { at: '--policy' });
  const contenders: Contender[] = [];
  for (const reference of references) {
    const contender = await resolveContender(reference);
    if (contenders.some(({ name }) => name === contender.name)) {
      throw new EntresolError('ENT_USAGE', `two policies are called ${contender.name}.`, { at: '--policy' });
    }
    contenders.push(contender);
  }
  return contenders;
}
