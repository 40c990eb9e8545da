/** One line of a trace, checked field by field. The format is in docs/traces.md. */
import { EntresolError } from '../../core/index.ts';

export type Segment = readonly [hash: string, tokens: number];

export interface TraceLine {
  readonly workload: string;
  readonly session: string;
  readonly step: number;
  readonly agent: string;
  readonly instance: string;
  /** Stop reason, else the workflow phase. */
  readonly stop: string | undefined;
  /** Start since the session's first call; null where the source has no clock. */
  readonly startMs: number | null;
  readonly durationMs: number | null;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly base: readonly [step: number, segments: number] | null;
  readonly segments: readonly Segment[];
  readonly out: readonly Segment[];
  readonly tools: readonly string[];
}

export interface LinePlace {
  readonly file: string;
  readonly line: number;
}

/** The error of a broken line: file, line, field, what was expected, what was found. */
export function traceFault(place: LinePlace, field: string, expected: string, found: unknown): EntresolError {
  return new EntresolError('ENT_TRACE_INVALID', `field ${field}: expected ${expected}, found ${shown(found)}.`, { at: `${place.file}:${place.line}` });
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** More than any model's context: a larger count is a broken line, not a prompt. */
const MAX_TOKENS = 100_000_000;

class LineChecker {
  readonly #record: Readonly<Record<string, unknown>>;
  readonly #place: LinePlace;

  constructor(record: Readonly<Record<string, unknown>>, place: LinePlace) {
    this.#record = record;
    this.#place = place;
  }

  text(field: string): string {
    const value = this.#record[field];
    if (typeof value !== 'string' || value === '') throw traceFault(this.#place, field, 'a non-empty string', value);
    return value;
  }

  optionalText(field: string): string | undefined {
    const value = this.#record[field];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'string') throw traceFault(this.#place, field, 'a string or nothing', value);
    return value;
  }

  count(field: string): number {
    const value = this.#record[field];
    if (!isCount(value, 0)) throw traceFault(this.#place, field, 'a whole number from 0', value);
    return value;
  }

  millisecondsOrNull(field: string): number | null {
    const value = this.#record[field];
    if (value === null) return null;
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw traceFault(this.#place, field, 'milliseconds from 0, or null', value);
    return value;
  }

  base(): TraceLine['base'] {
    const value = this.#record.base;
    if (value === null) return null;
    if (!Array.isArray(value) || value.length !== 2 || !isCount(value[0], 0) || !isCount(value[1], 0)) {
      throw traceFault(this.#place, 'base', '[step, number of segments], or null', value);
    }
    return [value[0], value[1]];
  }

  segments(field: 'segments' | 'out'): readonly Segment[] {
    const value = this.#record[field];
    if (!Array.isArray(value)) throw traceFault(this.#place, field, 'an array of [hash, tokens]', value);
    value.forEach((segment: unknown, index) => {
      if (!Array.isArray(segment) || segment.length !== 2) throw traceFault(this.#place, `${field}[${index}]`, '[hash, tokens]', segment);
      if (typeof segment[0] !== 'string' || segment[0] === '') throw traceFault(this.#place, `${field}[${index}][0]`, 'a non-empty hash string', segment[0]);
      if (!isCount(segment[1], 1)) throw traceFault(this.#place, `${field}[${index}][1]`, 'a whole number of tokens from 1', segment[1]);
    });
    return value as Segment[];
  }

  toolNames(): readonly string[] {
    const value = this.#record.tools;
    if (!Array.isArray(value)) throw traceFault(this.#place, 'tools', 'an array of {name, ...}', value);
    return value.map((tool: unknown, index) => {
      const name: unknown = isRecord(tool) ? tool.name : undefined;
      if (typeof name !== 'string' || name === '') throw traceFault(this.#place, `tools[${index}].name`, 'a non-empty string', isRecord(tool) ? name : tool);
      return name;
    });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown, minimum: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= minimum && value <= MAX_TOKENS;
}

/** @throws EntresolError `ENT_TRACE_INVALID` */
export function parseTraceLine(text: string, place: LinePlace): TraceLine {
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch (cause) {
    throw new EntresolError('ENT_TRACE_INVALID', `the line: expected one JSON object, found ${shown(text)} (${(cause as Error).message}).`, { at: `${place.file}:${place.line}`, cause });
  }
  if (!isRecord(record)) throw traceFault(place, '(the line)', 'one JSON object', record);
  const check = new LineChecker(record, place);
  const agent = check.text('agent');
  return {
    workload: check.text('workload'),
    session: check.text('session'),
    step: check.count('step'),
    agent,
    instance: check.optionalText('inst') ?? agent,
    stop: check.optionalText('stop') ?? check.optionalText('phase'),
    startMs: check.millisecondsOrNull('t_ms'),
    durationMs: check.millisecondsOrNull('dur_ms'),
    promptTokens: check.count('prompt_tokens'),
    outputTokens: check.count('output_tokens'),
    base: check.base(),
    segments: check.segments('segments'),
    out: check.segments('out'),
    tools: check.toolNames(),
  };
}

/** The line as text, without its line break. */
export function formatTraceLine({ instance, startMs, durationMs, promptTokens, outputTokens, tools, ...line }: TraceLine): string {
  return JSON.stringify({ ...line, inst: instance, t_ms: startMs, dur_ms: durationMs, prompt_tokens: promptTokens, output_tokens: outputTokens, tools: tools.map((name) => ({ name })) });
}
