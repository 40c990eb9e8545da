/**
 * A load of a stated size, made by a seed: so many agents, so many sessions at once. Each agent has an anchor; each
 * session walks from agent to agent (mostly along a ring, at times elsewhere) and its history grows with every step.
 */
import { seededRandom, type Random } from '../../core/index.ts';
import { TraceBuilder } from '../trace/trace-builder.ts';
import type { Segment, TraceLine } from '../trace/trace-line.ts';
import type { Trace } from '../trace/index.ts';

export interface LoadSize {
  readonly agents: number;
  readonly liveSessions: number;
  readonly seed: number;
}

const BLOCK_TOKENS = 16;
const ANCHOR_TOKENS = 512;
const STEPS_FEWEST = 8;
const STEPS_MOST = 20;
/** Sessions per place among the live ones, so that some end and others begin. */
const SESSIONS_PER_PLACE = 1.5;
const RING_PROBABILITY = 0.7;
/** Sessions start one a second, so the more there are the longer each must live for all to be live at once. */
const MEDIAN_GAP_MS_PER_SESSION = 200;
const SHORTEST_MEDIAN_GAP_MS = 20_000;

export function syntheticLoad({ agents, liveSessions, seed }: LoadSize): Trace {
  const random = seededRandom(seed);
  const builder = new TraceBuilder(`synthetic-${agents}-agents`, BLOCK_TOKENS);
  const sessions = Math.ceil(liveSessions * SESSIONS_PER_PLACE);
  const medianGapMs = Math.max(SHORTEST_MEDIAN_GAP_MS, MEDIAN_GAP_MS_PER_SESSION * liveSessions);
  let line = 0;
  for (let session = 0; session < sessions; session++) {
    for (const call of sessionLines(session, agents, medianGapMs, random)) builder.add(call, { file: 'synthetic', line: ++line });
  }
  return builder.finish();
}

function* sessionLines(session: number, agents: number, medianGapMs: number, random: Random): Generator<TraceLine> {
  const steps = STEPS_FEWEST + Math.floor(random() * (STEPS_MOST - STEPS_FEWEST + 1));
  const history: Segment[] = [];
  let agent = Math.floor(random() * agents);
  let startMs = 0;
  for (let step = 0; step < steps; step++) {
    const segments: Segment[] = [[`anchor-${agent}`, ANCHOR_TOKENS], ...history];
    const out: Segment[] = [[`answer-${session}-${step}`, 20 + Math.floor(random() * 100)]];
    yield {
      workload: 'synthetic', session: `session-${session}`, step, agent: `agent-${agent}`, instance: `agent-${agent}`,
      stop: step === steps - 1 ? 'stop' : 'tool_calls', startMs, durationMs: null,
      promptTokens: segments.reduce((sum, [, tokens]) => sum + tokens, 0), outputTokens: out[0][1],
      base: null, segments, out, tools: step === steps - 1 ? [] : [`tool-${Math.floor(random() * 5)}`],
    };
    history.push(out[0], [`result-${session}-${step}`, 20 + Math.floor(random() * 200)]);
    agent = random() < RING_PROBABILITY ? (agent + 1) % agents : Math.floor(random() * agents);
    // Log-normal think time.
    startMs += Math.round(medianGapMs * Math.exp(Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())));
  }
}
