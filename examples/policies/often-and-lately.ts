/**
 * Keeps what has been used often and lately: each use counts half as much after `halfLifeMs`. Nothing is learned of
 * agents; replay it beside lru and cache-sage to see what that is worth.
 */
import { definePolicy, rankedRetention } from 'entresol';

export default definePolicy({
  name: 'often-and-lately',
  summary: 'Evicts what has been used seldom and long ago, cheap blocks first.',
  decisions: ['retention'],
  parameters: {
    halfLifeMs: { default: 120_000, minimum: 1, description: 'After this time without a use a block is worth half.' },
  },
  create: ({ parameters }) => ({
    score: {
      retention: rankedRetention((unit, nowMs) =>
        unit.uses * unit.marginalPrefillMs * 2 ** (-(nowMs - unit.lastUseMs) / parameters.halfLifeMs)),
    },
  }),
});
