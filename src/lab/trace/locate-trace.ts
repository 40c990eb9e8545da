import { existsSync, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { EntresolError } from '../../core/index.ts';

/** Folders that traces are looked for in, by name: the project's own, the shared ones beside it, `$ENTRESOL_TRACES`. */
export function traceFolders(workingFolder: string, environment: NodeJS.ProcessEnv): string[] {
  const extra = (environment.ENTRESOL_TRACES ?? '').split(delimiter).filter((folder) => folder !== '');
  return ['traces', '../shared/traces', ...extra].map((folder) => resolve(workingFolder, folder));
}

const isFile = (path: string): boolean => existsSync(path) && statSync(path).isFile();

/**
 * The path of a trace given by path or by name (`whowhen-magentic`, with or without `.jsonl.gz`).
 * @throws EntresolError `ENT_TRACE_MISSING` that says where it was looked for
 */
export function locateTrace(trace: string, workingFolder = process.cwd(), environment: NodeJS.ProcessEnv = process.env): string {
  const asPath = resolve(workingFolder, trace);
  if (isFile(asPath)) return asPath;
  const folders = traceFolders(workingFolder, environment);
  for (const folder of folders) {
    for (const ending of ['', '.jsonl.gz', '.jsonl']) {
      const path = join(folder, `${trace}${ending}`);
      if (isFile(path)) return path;
    }
  }
  throw new EntresolError('ENT_TRACE_MISSING', `No trace ${JSON.stringify(trace)}: looked for the file ${asPath}, then for that name in ${folders.join(', ')}.`, { at: trace });
}
