import { definePolicy } from '../../../core/index.ts';
import { SieveIndex } from './sieve-index.ts';

export const sieve = definePolicy({
  name: 'sieve',
  summary: 'SIEVE: a FIFO queue with a visited bit and a hand that evicts what was not used since it last came by.',
  decisions: ['retention'],
  create: () => ({ score: { retention: new SieveIndex() } }),
});
