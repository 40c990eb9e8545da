/** Checks a whole trace and goes on after a fault: every broken line with its field, not the first alone. Streams. */
import { EntresolError } from '../../core/index.ts';
import { readLines } from '../trace/read-lines.ts';
import { TraceBuilder } from '../trace/trace-builder.ts';
import { parseTraceLine, traceFault, type LinePlace, type TraceLine } from '../trace/trace-line.ts';

export interface Fault {
  readonly file: string;
  readonly line: number;
  /** With the field, what was expected and what was found. */
  readonly message: string;
}

export interface CheckReport {
  readonly file: string;
  readonly lines: number;
  readonly sessions: number;
  readonly calls: number;
  readonly faults: readonly Fault[];
  /** Beyond those listed. */
  readonly moreFaults: number;
  /** What is allowed and yet looks wrong, by kind. */
  readonly warnings: readonly { readonly what: string; readonly count: number; readonly firstLine: number }[];
}

const LISTED_FAULTS = 100;
/** Of a session: what is checked here needs no blocks, and large ones are the fewest. */
const BLOCK_TOKENS = 1_000_000;

class SessionCheck {
  readonly #builder = new TraceBuilder('check', BLOCK_TOKENS);
  #lastMs: number | null = null;
  #clock: boolean | undefined;
  constructor(readonly id: string) {}

  add(line: TraceLine, place: LinePlace): string[] {
    this.#builder.add(line, place);
    const warnings: string[] = [];
    if (line.startMs !== null && this.#lastMs !== null && line.startMs < this.#lastMs) warnings.push('t_ms goes back: its gap counts as the shortest');
    if (this.#clock !== undefined && this.#clock !== (line.startMs !== null)) warnings.push('t_ms is there for some calls of a session only');
    if (line.outputTokens > 0 && line.out.length === 0) warnings.push('output_tokens without out: its answer fills no blocks');
    if (line.promptTokens === 0) warnings.push('an empty prompt');
    this.#clock = line.startMs !== null;
    this.#lastMs = line.startMs;
    return warnings;
  }
}

/** @param onProgress calls so far, share of the file (0 to 1) */
export async function checkTrace(path: string, onProgress?: (calls: number, share: number) => void): Promise<CheckReport> {
  const faults: Fault[] = [];
  const warnings = new Map<string, { count: number; firstLine: number }>();
  const ids = new Set<string>();
  let moreFaults = 0;
  let lines = 0;
  let calls = 0;
  let session: SessionCheck | undefined;
  /** After a fault the rest of the session cannot be judged: its steps and bases are off. */
  let skipped: string | undefined;
  const note = (error: unknown, line: number): void => {
    if (!(error instanceof EntresolError) || error.code !== 'ENT_TRACE_INVALID') throw error;
    if (faults.length < LISTED_FAULTS) faults.push({ file: path, line: Number(/:(\d+)$/.exec(error.at ?? '')?.[1] ?? line), message: error.message });
    else moreFaults++;
  };
  try {
    for await (const { text, line, progress } of readLines(path)) {
      lines++;
      const place = { file: path, line };
      let parsed: TraceLine | undefined;
      try {
        parsed = parseTraceLine(text, place);
        if (parsed.session === skipped) continue;
        if (session?.id !== parsed.session) {
          if (ids.has(parsed.session)) throw traceFault(place, 'session', 'sessions one after another', `${parsed.session}, which ended before`);
          ids.add(parsed.session);
          session = new SessionCheck(parsed.session);
        }
        skipped = undefined;
        for (const what of session.add(parsed, place)) {
          const known = warnings.get(what);
          if (known === undefined) warnings.set(what, { count: 1, firstLine: line });
          else known.count++;
        }
        calls++;
      } catch (error) {
        note(error, line);
        skipped = parsed?.session ?? session?.id;
      }
      if (lines % 256 === 0) onProgress?.(calls, progress);
    }
    if (lines === 0) throw new EntresolError('ENT_TRACE_INVALID', 'the file: expected at least one call, found none.', { at: `${path}:1` });
  } catch (error) {
    note(error, lines + 1);
  }
  return {
    file: path, lines, sessions: ids.size, calls, faults, moreFaults,
    warnings: [...warnings].map(([what, { count, firstLine }]) => ({ what, count, firstLine })),
  };
}
