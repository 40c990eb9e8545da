import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EntresolError } from '../../core/index.ts';

const BUILT_CHILD = join('dist', 'engines', 'embedded', 'child.mjs');

/** A file of the build: the same one whether we run from `dist` or from sources. */
export function builtPath(file: string, from: string = fileURLToPath(import.meta.url)): string | undefined {
  for (let folder = dirname(from); ; folder = dirname(folder)) {
    const path = join(folder, file);
    if (existsSync(path)) return path;
    if (folder === dirname(folder)) return undefined;
  }
}

/** The built entry of the engine's process. */
export function childPath(from?: string): string {
  const path = builtPath(BUILT_CHILD, from);
  if (path === undefined) throw new EntresolError('ENT_ENGINE_MISSING', `${BUILT_CHILD} is not built; run npm run build.`);
  return path;
}
