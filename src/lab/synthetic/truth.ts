/**
 * What is true of a synthetic workload: who calls after whom, how long answers and pauses are, when sessions end and
 * whether the last answer shows it. Everything that a learner has to find out, known in advance.
 */
import { EntresolError, type Random } from '../../core/index.ts';

/** A log-normal quantity: `median` in the unit of its name, `spread` the standard deviation of its logarithm (0: always the median). */
export interface Spread {
  readonly median: number;
  readonly spread: number;
}

export interface TrueAgent {
  readonly name: string;
  /** Tokens of the prefix that all its prompts begin with, in every session. */
  readonly anchorTokens: number;
  /** `session`: its prompts hold all that the session has said; `own`: only its own earlier calls, and what was said just before. */
  readonly remembers: 'session' | 'own';
  readonly outputTokens: Spread;
  /** What comes into the history beside the answer: a tool's result, a person's message. */
  readonly resultTokens: Spread;
  /** From the end of its call to the session's next one. */
  readonly pauseMs: Spread;
  /** Tool that its answers call while the session goes on. */
  readonly tool: string;
}

export interface SyntheticTruth {
  readonly name: string;
  readonly agents: readonly TrueAgent[];
  /** P(a session's first call is by agent i). */
  readonly first: readonly number[];
  /** next[i][j] = P(agent j calls after agent i); what a row lacks to 1 is the probability that i's call is the last. */
  readonly next: readonly (readonly number[])[];
  /** P(a session's last answer calls no tool and says `stop`); else it looks like any other. */
  readonly endShown: number;
  /** Every session ends at this call if it has not ended before. */
  readonly mostCalls: number;
}

const TOLERANCE = 1e-9;
const MOST_CALLS = 500;

/** @throws EntresolError `ENT_USAGE` with the field that no workload can have */
export function checkTruth(truth: SyntheticTruth): void {
  const fault = (field: string, expected: string): EntresolError => new EntresolError('ENT_USAGE', `expected ${expected}.`, { at: `${truth.name}: ${field}` });
  const count = truth.agents.length;
  if (count === 0) throw fault('agents', 'at least one agent');
  if (truth.first.length !== count || Math.abs(sum(truth.first) - 1) > TOLERANCE) throw fault('first', `${count} probabilities that sum to 1`);
  if (truth.next.length !== count) throw fault('next', `${count} rows`);
  truth.next.forEach((row, from) => {
    if (row.length !== count || row.some((chance) => !(chance >= 0)) || sum(row) > 1 + TOLERANCE) throw fault(`next[${from}]`, `${count} probabilities that sum to at most 1`);
  });
  if (!(Number.isInteger(truth.mostCalls) && truth.mostCalls > 0)) throw fault('mostCalls', 'a whole number from 1');
}

/** P(a session's n-th call, by this agent, is its last), before its answer is seen. */
export function endChance(truth: SyntheticTruth, agent: number, calls: number): number {
  return calls >= truth.mostCalls ? 1 : Math.max(0, 1 - sum(truth.next[agent]));
}

export function draw({ median, spread }: Spread, random: Random): number {
  // Box and Muller.
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return median * Math.exp(spread * normal);
}

/** Draws an index by its probability; -1 for what the probabilities lack to 1. */
export function drawIndex(chances: readonly number[], random: Random): number {
  let left = random();
  for (let index = 0; index < chances.length; index++) {
    left -= chances[index];
    if (left < 0) return index;
  }
  return -1;
}

export interface RingOptions {
  readonly agents: number;
  /** Calls of a session: in the mean, or of each and every one. */
  readonly calls: number;
  readonly equallyLong: boolean;
  /** P(the next agent is the next of the ring), else any. */
  readonly order: number;
  readonly endShown: number;
  readonly pauseSpread: number;
  readonly outputSpread: number;
}

/** Agents in a ring with anchors, answers and pauses of different sizes: a workload with a known model, drawn by a seed. */
export function ringTruth(options: RingOptions, random: Random): SyntheticTruth {
  const { agents: count, calls, equallyLong, order, endShown, pauseSpread, outputSpread } = options;
  const goesOn = equallyLong ? 1 : 1 - 1 / calls;
  return {
    name: `ring-of-${count}`,
    agents: Array.from({ length: count }, (_, index) => ({
      name: `agent-${index}`,
      anchorTokens: 64 * (2 + Math.floor(random() * 14)),
      remembers: 'session',
      outputTokens: { median: 30 + Math.floor(random() * 300), spread: outputSpread },
      resultTokens: { median: 40 + Math.floor(random() * 400), spread: outputSpread },
      pauseMs: { median: 300 * 2 ** (random() * 6), spread: pauseSpread },
      tool: `tool-${index}`,
    })),
    first: Array.from({ length: count }, (_, index) => (index === 0 ? 1 : 0)),
    next: Array.from({ length: count }, (_, from) => {
      const ahead = (from + 1) % count;
      return Array.from({ length: count }, (__, to) => goesOn * ((1 - order) / count + (to === ahead ? order : 0)));
    }),
    endShown,
    mostCalls: equallyLong ? calls : MOST_CALLS,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
