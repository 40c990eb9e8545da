/** Traces of a workload whose truth is known, drawn by a seed: the same format and the same reader as real ones. */
import { seededRandom, type Random } from '../../core/index.ts';
import { TraceBuilder } from '../trace/trace-builder.ts';
import type { Segment, TraceLine } from '../trace/trace-line.ts';
import type { Trace } from '../trace/index.ts';
import { checkTruth, draw, drawIndex, type SyntheticTruth } from './truth.ts';

export interface GenerateOptions {
  readonly sessions: number;
  readonly seed: number;
}

/** Rates by which calls take their time, those that the replay assumes where a trace has no clock. */
const PREFILL_TOKENS_PER_MS = 8;
const DECODE_TOKENS_PER_MS = 0.06;

/** How long a call takes, in ms: known as soon as its lengths are. */
export function callDurationMs(promptTokens: number, outputTokens: number): number {
  return promptTokens / PREFILL_TOKENS_PER_MS + outputTokens / DECODE_TOKENS_PER_MS;
}

/**
 * Calls in the order of a trace file.
 * @throws EntresolError `ENT_USAGE` if the truth contradicts itself
 */
export function* syntheticLines(truth: SyntheticTruth, { sessions, seed }: GenerateOptions): Generator<TraceLine> {
  checkTruth(truth);
  const random = seededRandom(seed);
  for (let session = 0; session < sessions; session++) yield* sessionLines(truth, `session-${session}`, random);
}

/** @throws EntresolError `ENT_USAGE` if the truth contradicts itself */
export function syntheticTrace(truth: SyntheticTruth, options: GenerateOptions, blockTokens = 16): Trace {
  const builder = new TraceBuilder(truth.name, blockTokens);
  let line = 0;
  for (const call of syntheticLines(truth, options)) builder.add(call, { file: truth.name, line: ++line });
  return builder.finish();
}

function* sessionLines(truth: SyntheticTruth, session: string, random: Random): Generator<TraceLine> {
  const task: Segment = [`task/${session}`, tokens(draw({ median: 120, spread: 0.5 }, random))];
  const shared: Segment[] = [task];
  const own: Segment[][] = truth.agents.map(() => [task]);
  let justSaid: Segment[] = [];
  let startMs = 0;
  let agent = drawIndex(truth.first, random);
  for (let step = 0; agent >= 0; step++) {
    const { name, anchorTokens, remembers, outputTokens, resultTokens, pauseMs, tool } = truth.agents[agent];
    const out: Segment = [`answer/${session}/${step}`, tokens(draw(outputTokens, random))];
    const result: Segment = [`result/${session}/${step}`, tokens(draw(resultTokens, random))];
    if (remembers === 'own') own[agent].push(...justSaid.filter((segment) => !own[agent].includes(segment)));
    const segments: Segment[] = [[`anchor/${name}`, anchorTokens], ...(remembers === 'session' ? shared : own[agent])];
    const promptTokens = segments.reduce((sum, [, length]) => sum + length, 0);
    const durationMs = callDurationMs(promptTokens, out[1]);
    const next = step === truth.mostCalls - 1 ? -1 : drawIndex(truth.next[agent], random);
    const shown = next < 0 && random() < truth.endShown;
    yield {
      workload: truth.name, session, step, agent: name, instance: name, stop: shown ? 'stop' : 'tool_calls', startMs: Math.round(startMs), durationMs: Math.round(durationMs),
      promptTokens, outputTokens: out[1], base: null, segments, out: [out], tools: shown ? [] : [tool],
    };
    justSaid = [out, result];
    shared.push(...justSaid);
    own[agent].push(...justSaid);
    startMs += durationMs + draw(pauseMs, random);
    agent = next;
  }
}

function tokens(drawn: number): number {
  return Math.max(1, Math.round(drawn));
}
