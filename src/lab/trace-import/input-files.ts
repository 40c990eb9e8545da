import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EntresolError } from '../../core/index.ts';

const RECORDS = /\.(jsonl|json|ndjson)(\.gz)?$/;

/**
 * Files as they are given; of a folder, every file of records in it and below, by name.
 * @throws EntresolError `ENT_TRACE_MISSING`
 */
export function inputFiles(paths: readonly string[]): string[] {
  const files = paths.flatMap((path) => {
    if (!existsSync(path)) throw new EntresolError('ENT_TRACE_MISSING', 'there is no such file or folder.', { at: path });
    return statSync(path).isDirectory() ? filesBelow(path) : [path];
  });
  if (files.length === 0) throw new EntresolError('ENT_TRACE_MISSING', `no file of records (.jsonl, .json, .ndjson, gzipped or not) in ${paths.join(', ')}.`, { at: paths[0] });
  return files;
}

function filesBelow(folder: string): string[] {
  // "a.jsonl" comes before "a/…": a transcript before those of its sub-agents.
  const entries = readdirSync(folder, { withFileTypes: true }).toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const files = entries.filter((entry) => entry.isFile() && RECORDS.test(entry.name)).map(({ name }) => join(folder, name));
  return [...files, ...entries.filter((entry) => entry.isDirectory()).flatMap(({ name }) => filesBelow(join(folder, name)))];
}
