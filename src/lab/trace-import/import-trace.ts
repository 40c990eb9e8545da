/** Any known format in, an Entresol trace out. Streams; memory grows with the number of calls by a few bytes each. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { EntresolError } from '../../core/index.ts';
import { readLines } from '../trace/read-lines.ts';
import type { LinePlace } from '../trace/trace-line.ts';
import { CallSpill } from './call-spill.ts';
import { importFault } from './fields.ts';
import { FORMATS, type TraceFormat } from './formats/index.ts';
import type { FormatReader, ImportedCall } from './imported-call.ts';
import { isFields } from './messages.ts';
import { sessionLines } from './session-lines.ts';
import type { TextHasher } from './text-hasher.ts';

export interface ImportOptions {
  readonly files: readonly string[];
  /** Absent: told from the first record that some format knows. */
  readonly format?: string;
  readonly hasher: TextHasher;
  /** For calls whose source names none. */
  readonly workload?: string;
  /** Count broken records and go on. */
  readonly skipBroken: boolean;
  onProgress?(calls: number, file: string, share: number): void;
}

export interface ImportSummary {
  readonly format: string;
  readonly files: number;
  readonly records: number;
  readonly sessions: number;
  readonly calls: number;
  /** Calls of which nothing of the prompt is known. */
  readonly emptyCalls: number;
  readonly brokenRecords: number;
  /** The first few of them. */
  readonly firstBroken: readonly string[];
  readonly tokensPerByte: number;
}

const PROGRESS_EVERY_RECORDS = 256;
const SHOWN_BROKEN = 5;
/** A document that is no lines of JSON (an export written for people) is held whole. */
const LARGEST_DOCUMENT_BYTES = 256 * 1024 * 1024;

interface Tally { records: number; brokenRecords: number; readonly firstBroken: string[]; format: TraceFormat | undefined; reader: FormatReader | undefined }

/**
 * Yields the trace's lines, then returns the summary.
 * @throws EntresolError `ENT_TRACE_INVALID` with file, line and field of a broken record, unless those are skipped
 */
export async function* importTrace(options: ImportOptions): AsyncGenerator<string, ImportSummary> {
  const spill = new CallSpill();
  try {
    const tally: Tally = { records: 0, brokenRecords: 0, firstBroken: [], format: chosenFormat(options.format), reader: undefined };
    for (const file of options.files) {
      try {
        for await (const record of recordsOf(file)) take(record, tally, spill, options);
      } catch (error) {
        skip(error, tally, options);
      }
      tally.reader?.endFile?.();
    }
    if (spill.calls === 0) throw new EntresolError('ENT_TRACE_INVALID', `expected at least one call, found none in ${tally.records} records${tally.format === undefined ? '' : ` read as ${tally.format.name}`}.`, { at: options.files[0] });
    const format = tally.format as TraceFormat;
    const { reader } = tally;
    const { hasher } = options;
    const agentOf = (call: ImportedCall): string => (call.agentKey === undefined ? undefined : reader?.agentOf?.(call.agentKey)) ?? call.agent ?? 'agent';
    const { tokensPerByte } = spill;
    let calls = 0;
    let sessions = 0;
    for (const session of spill.sessions()) {
      const before = calls;
      const lines = sessionLines(spill.callsOf(session), {
        session: hasher.id('session', session), workload: options.workload ?? format.name, tokensPerByte, agentOf,
        hiddenTokens: (name) => spill.hiddenTokens(name),
        hashHidden: (name) => hasher.hash('hidden', name),
      });
      for (const line of lines) {
        calls++;
        yield line;
      }
      if (calls > before) sessions++;
    }
    return {
      format: format.name, files: options.files.length, records: tally.records, sessions, calls, emptyCalls: spill.calls - calls,
      brokenRecords: tally.brokenRecords, firstBroken: tally.firstBroken, tokensPerByte,
    };
  } finally {
    spill.remove();
  }
}

function chosenFormat(name: string | undefined): TraceFormat | undefined {
  if (name === undefined) return undefined;
  const format = FORMATS.find((each) => each.name === name);
  if (format === undefined) throw new EntresolError('ENT_USAGE', `expected one of ${FORMATS.map((each) => each.name).join(', ')}, found ${JSON.stringify(name)}.`, { at: '--from' });
  return format;
}

interface RawRecord { readonly text: string; readonly place: LinePlace; readonly progress: number }

async function* recordsOf(file: string): AsyncGenerator<RawRecord> {
  let first = true;
  for await (const { text, line, progress } of readLines(file)) {
    if (first && /^\s*[[{]\s*$/.test(text)) {
      yield* documentRecords(file);
      return;
    }
    first = false;
    yield { text, place: { file, line }, progress };
  }
}

/** A document over several lines: one record, or an array of them. */
async function* documentRecords(file: string): AsyncGenerator<RawRecord> {
  if (file.endsWith('.gz') || (await stat(file)).size > LARGEST_DOCUMENT_BYTES) {
    throw new EntresolError('ENT_TRACE_INVALID', 'the file: expected one JSON object per line; a document over several lines is read up to 256 MiB, and not gzipped.', { at: `${file}:1` });
  }
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream(file)) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  const place = { file, line: 1 };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    yield { text, place, progress: 1 };
    return;
  }
  for (const record of Array.isArray(parsed) ? parsed : [parsed]) yield { text: JSON.stringify(record), place, progress: 1 };
}

function take({ text, place, progress }: RawRecord, tally: Tally, spill: CallSpill, options: ImportOptions): void {
  const attempt = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      skip(error, tally, options);
    }
  };
  let records: ReturnType<typeof parsed> = [];
  tally.records++;
  attempt(() => {
    records = parsed(text, place);
    tally.records += records.length - 1;
  });
  for (const [field, record] of records) attempt(() => read(record, field, place, tally, spill, options));
  if (tally.records % PROGRESS_EVERY_RECORDS === 0) options.onProgress?.(spill.calls, place.file, progress);
}

function read(record: unknown, field: string, place: LinePlace, tally: Tally, spill: CallSpill, options: ImportOptions): void {
  if (!isFields(record)) throw importFault(place, field, 'a JSON object', record);
  tally.format ??= FORMATS.find((format) => format.matches(record));
  if (tally.format === undefined) throw importFault(place, '(the record)', `a record of ${FORMATS.map(({ name }) => name).join(', ')}; --from names the format`, record);
  tally.reader ??= tally.format.open(options.hasher, (call) => spill.add(call));
  tally.reader.read(record, place);
}

/** Counts what is broken: a record, or the rest of a file that cannot be read further. @throws anything else, and this too where it is not asked for */
function skip(error: unknown, tally: Tally, { skipBroken }: ImportOptions): void {
  if (!skipBroken || !(error instanceof EntresolError) || error.code !== 'ENT_TRACE_INVALID') throw error;
  tally.brokenRecords++;
  if (tally.firstBroken.length < SHOWN_BROKEN) tally.firstBroken.push(`${error.at ?? ''}: ${error.message}`);
}

/** The line's record; of a batch (LiteLLM's generic logger posts arrays) all its records; each with its place in the line. */
function parsed(text: string, place: LinePlace): readonly (readonly [field: string, record: unknown])[] {
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    throw new EntresolError('ENT_TRACE_INVALID', `field (the line): expected one JSON object, found ${text.length} characters that are no JSON.`, { at: `${place.file}:${place.line}` });
  }
  return Array.isArray(record) ? record.map((each, index) => [`[${index}]`, each]) : [['(the line)', record]];
}
