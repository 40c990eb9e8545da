/** Reads a trace as a stream: memory grows with distinct blocks and calls, never with text. */
import { basename } from 'node:path';
import { EntresolError } from '../../core/index.ts';
import { TraceBuilder } from './trace-builder.ts';
import { parseTraceLine } from './trace-line.ts';
import { readLines } from './read-lines.ts';
import type { Trace } from './trace.ts';

export interface ReadTraceOptions {
  readonly blockTokens: number;
  /** Only the first so many calls. */
  readonly maxCalls?: number;
  /** Called now and then: calls read so far, share of the file read (0 to 1). */
  onProgress?(calls: number, share: number): void;
}

export function traceName(path: string): string {
  return basename(path).replace(/\.jsonl(\.gz)?$/, '');
}

const PROGRESS_EVERY_CALLS = 512;

/** @throws EntresolError `ENT_TRACE_INVALID` with file, line, field, what was expected and what was found */
export async function readTrace(path: string, options: ReadTraceOptions): Promise<Trace> {
  const { blockTokens, maxCalls = Infinity } = options;
  const builder = new TraceBuilder(traceName(path), blockTokens);
  for await (const { line, text, progress } of readLines(path)) {
    const place = { file: path, line };
    builder.add(parseTraceLine(text, place), place);
    if (builder.callCount % PROGRESS_EVERY_CALLS === 0) options.onProgress?.(builder.callCount, progress);
    if (builder.callCount >= maxCalls) break;
  }
  if (builder.callCount === 0) throw new EntresolError('ENT_TRACE_INVALID', 'the file: expected at least one call, found none.', { at: `${path}:1` });
  return builder.finish();
}
