import { loadPolicy } from '../runtime/load-policy.ts';
import type { PolicySetting } from '../runtime/index.ts';
import { defaultPolicies, type PoliciesFor } from './compose.ts';

/**
 * Policies of `--policies a,b|none` and `--policy FILE`, in their order.
 * @param named `--policies`; empty: the default for the engines
 * @throws EntresolError `ENT_POLICY_UNKNOWN`, `ENT_POLICY_INVALID`
 */
export async function policySettings(named: readonly string[], files: readonly string[]): Promise<PoliciesFor> {
  const load = (names: readonly string[]): Promise<PolicySetting[]> => Promise.all(names.map(async (name) => ({ definition: await loadPolicy(name) })));
  const chosen = await load(named.filter((name) => name !== 'none'));
  const own = await load(files);
  return (engines) => [...(named.length === 0 ? defaultPolicies(engines) : chosen), ...own];
}
