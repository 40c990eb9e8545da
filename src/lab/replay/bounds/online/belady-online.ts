/**
 * `belady-online`: CacheSage's own index, fed with the truth about what it otherwise learns. What is left to Belady is
 * what no better learning can give; `belady-online-end` and the like say what one piece of knowledge is worth.
 */
import { parameterValues, type PolicyDefinition } from '../../../../core/index.ts';
import { cacheSage } from '../../../../policies/cache-sage/policy.ts';
import type { Contender } from '../../contender.ts';
import { openPolicy } from '../../open-policy.ts';
import { futureOf } from './future.ts';
import { oracleLearners, type Knowledge } from './oracle-learners.ts';

const NAME = 'belady-online';
const PIECES = ['touch', 'end', 'gap'] as const;

/** Alone, in pairs, and all together. */
const NAMES: ReadonlyMap<string, Knowledge> = new Map([
  [NAME, { touch: true, end: true, gap: true }],
  ...Array.from({ length: 2 ** PIECES.length - 2 }, (_, index): [string, Knowledge] => {
    const known = PIECES.filter((_piece, bit) => ((index + 1) >> bit) % 2 === 1);
    return [[NAME, ...known].join('-'), { touch: known.includes('touch'), end: known.includes('end'), gap: known.includes('gap') }];
  }),
]);

export function beladyOnline(name: string): Contender | undefined {
  const knowledge = NAMES.get(name);
  if (knowledge === undefined) return undefined;
  const parameters = parameterValues(cacheSage.parameters);
  return {
    name,
    unbounded: false,
    exactOnly: false,
    open(context) {
      const learners = oracleLearners(context.learners, futureOf(context.trace, context.schedule), knowledge);
      return openPolicy(cacheSage as PolicyDefinition, parameters, { ...context, learners });
    },
  };
}
