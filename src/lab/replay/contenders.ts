/** Contenders by name. */
import { parameterValues, type PolicyDefinition } from '../../core/index.ts';
import { BeladyIndex } from './bounds/belady-index.ts';
import { NeverIndex } from './bounds/never-index.ts';
import { beladyOnline } from './bounds/online/belady-online.ts';
import type { Contender } from './contender.ts';
import { openPolicy } from './open-policy.ts';

/**
 * Names of the bounds; they are no policies, since they read the whole trace beforehand. Besides, `belady-online-end`
 * and the like know one or two of the three things that `belady-online` knows.
 */
export const BOUND_NAMES = ['belady', 'infinite', 'belady-online'] as const;

const BELADY: Contender = {
  name: 'belady',
  unbounded: false,
  exactOnly: true,
  open: ({ trace, nextUses, position }) => ({ score: { retention: new BeladyIndex(trace, nextUses(), position) } }),
};
const INFINITE: Contender = {
  name: 'infinite',
  unbounded: true,
  exactOnly: true,
  open: () => ({ score: { retention: new NeverIndex() } }),
};

export function boundNamed(name: string): Contender | undefined {
  return [BELADY, INFINITE].find((bound) => bound.name === name) ?? beladyOnline(name);
}

/**
 * @param overrides over the policy's default parameters
 * @throws EntresolError `ENT_CONFIG_INVALID` for a parameter that it has not; `ENT_POLICY_INVALID` on `open` if the policy has no retention index
 */
export function contenderFor(definition: PolicyDefinition, overrides: Readonly<Record<string, unknown>> = {}): Contender {
  const parameters = parameterValues(definition.parameters, overrides, definition.name);
  return {
    name: definition.name,
    unbounded: false,
    // CONTRACTS section 7: LRU is unchanged in live timing, so that shares compare.
    exactOnly: definition.name === 'lru',
    open: (context) => openPolicy(definition, parameters, context),
  };
}
