import type { Engine } from '../core/index.ts';
import { loadPolicy } from '../runtime/load-policy.ts';
import type { PolicySetting } from '../runtime/index.ts';
import { defaultPolicies } from './compose.ts';

/**
 * Policies of `--policies a,b|none` and `--policy FILE`, in their order.
 * @param named `--policies`; empty: the default for these engines
 * @throws EntresolError `ENT_POLICY_UNKNOWN`, `ENT_POLICY_INVALID`
 */
export async function policySettings(named: readonly string[], files: readonly string[], engines: readonly Engine[]): Promise<PolicySetting[]> {
  const chosen = named.length === 0 ? defaultPolicies(engines)
    : await Promise.all(named.filter((name) => name !== 'none').map(async (name) => ({ definition: await loadPolicy(name) })));
  const own = await Promise.all(files.map(async (file) => ({ definition: await loadPolicy(file) })));
  return [...chosen, ...own];
}
