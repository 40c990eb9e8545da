import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EntresolError } from '../../core/index.ts';

const BUILT_CHILD = join('dist', 'engines', 'embedded', 'child.mjs');

/** The built entry of the engine's process: the same file whether we run from `dist` or from sources. */
export function childPath(from: string = fileURLToPath(import.meta.url)): string {
  for (let folder = dirname(from); ; folder = dirname(folder)) {
    const path = join(folder, BUILT_CHILD);
    if (existsSync(path)) return path;
    if (folder === dirname(folder)) throw new EntresolError('ENT_ENGINE_MISSING', `${BUILT_CHILD} is not built; run npm run build.`);
  }
}
