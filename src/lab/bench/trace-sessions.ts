/** Sessions of a trace, scaled so that they fit a small context: what the bench replays. */
import { EntresolError } from '../../core/index.ts';
import { readLines } from '../trace/read-lines.ts';
import { traceName } from '../trace/read-trace.ts';
import { parseTraceLine, type Segment, type TraceLine } from '../trace/trace-line.ts';
import { ScaledSegments } from './scaled-segments.ts';
import type { PlannedCall, PlannedSession } from './planned-session.ts';

export interface ScaledTrace {
  readonly name: string;
  /** What every length was multiplied by. */
  readonly scale: number;
  readonly sessions: readonly PlannedSession[];
}
export interface ScaleOptions {
  readonly contextTokens: number;
  /** At most so many sessions of the file, from its start. */
  readonly sessions: number;
}

/** One call in nine may be too long and ends its session; the others fit. */
const FITTING_QUANTILE = 0.9;
/** Answers are decoded at real cost, on both sides alike: long ones would only dilute the comparison. */
export const LONGEST_ANSWER_TOKENS = 32;
const LONGEST_LINES = 20_000;
const LEAST_CALLS = 2;

interface RawCall {
  readonly line: TraceLine;
  readonly segments: readonly Segment[];
}

const lengthOf = (segments: readonly Segment[]): number => segments.reduce((sum, [, tokens]) => sum + tokens, 0);

/** Whole prompts: a call's base is a piece of an earlier call of its session. */
async function readSessions(path: string, most: number): Promise<RawCall[][]> {
  const sessions: RawCall[][] = [];
  for await (const { line: number, text } of readLines(path)) {
    const line = parseTraceLine(text, { file: path, line: number });
    if (sessions.at(-1)?.[0].line.session !== line.session) {
      if (sessions.length === most || number > LONGEST_LINES) break;
      sessions.push([]);
    }
    const session = sessions[sessions.length - 1];
    const base = line.base === null ? undefined : session[line.base[0]];
    if (line.base !== null && base === undefined) {
      throw new EntresolError('ENT_TRACE_INVALID', `field base: expected an earlier step of the session, found ${line.base[0]}.`, { at: `${path}:${number}` });
    }
    session.push({ line, segments: [...(base?.segments.slice(0, line.base?.[1]) ?? []), ...line.segments] });
  }
  return sessions;
}

/** Rule 2 of the replay rules: seconds between a call and the next of its session. */
function gapSeconds(call: TraceLine, next: TraceLine | undefined): number {
  const known = next !== undefined && call.startMs !== null && next.startMs !== null;
  if (known) return Math.min(300, Math.max(0.2, ((next.startMs ?? 0) - (call.startMs ?? 0)) / 1000));
  return 1 + call.promptTokens / 8000 + call.outputTokens / 60;
}

function plan(session: readonly RawCall[], segments: ScaledSegments, contextTokens: number): PlannedCall[] {
  const calls: PlannedCall[] = [];
  for (const [index, { line, segments: prompt }] of session.entries()) {
    const promptTokens = segments.tokens(prompt);
    const answer = segments.tokens(line.out).slice(0, LONGEST_ANSWER_TOKENS);
    if (promptTokens.length + LONGEST_ANSWER_TOKENS > contextTokens) break;
    if (promptTokens.length === 0) continue;
    calls.push({
      agent: line.agent, instance: line.instance, prompt: promptTokens,
      // A call that answers nothing still decodes one token.
      output: answer.length > 0 ? answer : Int32Array.of(promptTokens[0]),
      pauseUnits: gapSeconds(line, session[index + 1]?.line),
    });
  }
  return calls;
}

/**
 * @throws EntresolError `ENT_TRACE_INVALID` for a broken line
 * @returns undefined where the trace does not scale: one session only, or nothing left that fits
 */
export async function scaleTrace(path: string, options: ScaleOptions): Promise<ScaledTrace | undefined> {
  const { contextTokens } = options;
  const raw = await readSessions(path, options.sessions);
  const lengths = raw.flat().map((call) => lengthOf(call.segments)).sort((a, b) => a - b);
  const fitting = lengths[Math.floor(FITTING_QUANTILE * (lengths.length - 1))];
  const scale = Math.min(1, (contextTokens - LONGEST_ANSWER_TOKENS) / fitting);
  const segments = new ScaledSegments(scale);
  const sessions: PlannedSession[] = [];
  for (const session of raw) {
    const calls = plan(session, segments, contextTokens);
    if (calls.length >= LEAST_CALLS) sessions.push({ id: session[0].line.session, calls });
  }
  if (sessions.length < 2) return undefined;
  const pauses = sessions.flatMap((session) => session.calls.map((call) => call.pauseUnits));
  const mean = pauses.reduce((sum, pause) => sum + pause, 0) / pauses.length;
  return {
    name: traceName(path), scale,
    sessions: sessions.map(({ id, calls }) => ({ id, calls: calls.map((call) => ({ ...call, pauseUnits: call.pauseUnits / mean })) })),
  };
}
