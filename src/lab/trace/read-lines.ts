import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { createGunzip } from 'node:zlib';
import { EntresolError } from '../../core/index.ts';

/** A line longer than this is no trace line; it bounds what is held of a broken file. */
const MAX_LINE_CHARACTERS = 64 * 1024 * 1024;

export interface NumberedLine {
  /** From 1. */
  readonly line: number;
  readonly text: string;
  /** Share of the file's bytes read so far, 0 to 1. */
  readonly progress: number;
}

/**
 * The non-empty lines of a file, gunzipped if its name ends in `.gz`, held one chunk at a time.
 * @throws EntresolError `ENT_TRACE_INVALID` if it is not gzip, is cut off, or has an endless line
 */
export async function* readLines(path: string): AsyncGenerator<NumberedLine> {
  const { size } = await stat(path);
  const file = createReadStream(path);
  // pipeline hands a failure of either stream to the iteration below; it needs no callback of its own.
  const bytes = path.endsWith('.gz') ? pipeline(file, createGunzip(), () => undefined) : file;
  const decoder = new StringDecoder('utf8');
  let pending = '';
  let line = 0;
  try {
    for await (const chunk of bytes) {
      const parts = (pending + decoder.write(chunk as Buffer)).split('\n');
      pending = parts.pop() ?? '';
      const progress = size === 0 ? 1 : file.bytesRead / size;
      for (const text of parts) {
        line++;
        if (text.trim() !== '') yield { line, text, progress };
      }
      if (pending.length > MAX_LINE_CHARACTERS) {
        throw new EntresolError('ENT_TRACE_INVALID', `the line: expected one JSON object, found more than ${MAX_LINE_CHARACTERS} characters.`, { at: `${path}:${line + 1}` });
      }
    }
  } catch (error) {
    if (error instanceof EntresolError) throw error;
    throw new EntresolError('ENT_TRACE_INVALID', `the file: expected ${path.endsWith('.gz') ? 'gzip' : 'a readable file'}, found: ${(error as Error).message}.`, { at: `${path}:${line + 1}`, cause: error });
  } finally {
    file.destroy();
  }
  pending += decoder.end();
  if (pending.trim() !== '') yield { line: line + 1, text: pending, progress: 1 };
}
