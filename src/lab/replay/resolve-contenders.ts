import { EntresolError } from '../../core/index.ts';
import { loadPolicy } from '../../runtime/load-policy.ts';
import { BOUND_NAMES, boundNamed, contenderFor, type Contender } from './contender.ts';

/**
 * Contenders by name (policies and bounds) or by path of a policy file.
 * @throws EntresolError `ENT_POLICY_UNKNOWN`, `ENT_POLICY_INVALID`, `ENT_USAGE` for none or twice the same
 */
export async function resolveContenders(references: readonly string[]): Promise<Contender[]> {
  if (references.length === 0) throw new EntresolError('ENT_USAGE', 'expected at least one policy.', { at: '--policy' });
  const contenders: Contender[] = [];
  for (const reference of references) {
    const contender = boundNamed(reference) ?? contenderFor(await loadPolicy(reference, BOUND_NAMES));
    if (contenders.some(({ name }) => name === contender.name)) {
      throw new EntresolError('ENT_USAGE', `two policies are called ${contender.name}.`, { at: '--policy' });
    }
    contenders.push(contender);
  }
  return contenders;
}
