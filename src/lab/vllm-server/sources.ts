import { createHash, type Hash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EntresolError } from '../../core/index.ts';

/** `integrations/vllm` of the checkout or of the installed npm package, wherever the bundler has put this file. */
export function vllmSources(from: string = fileURLToPath(import.meta.url)): string {
  for (let folder = dirname(from); folder !== dirname(folder); folder = dirname(folder)) {
    const candidate = join(folder, 'integrations', 'vllm');
    if (existsSync(join(candidate, 'pyproject.toml'))) return candidate;
  }
  throw new EntresolError('ENT_VLLM_UNAVAILABLE', 'the folder integrations/vllm is not beside this program.', { at: from });
}

function addFolder(hash: Hash, folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== '__pycache__' && !entry.name.endsWith('.egg-info')) addFolder(hash, path);
    } else hash.update(entry.name).update('\0').update(readFileSync(path)).update('\0');
  }
}

/** @param paths files or folders @returns a short name for their contents, and for `salt` */
export function contentKey(paths: readonly string[], salt = ''): string {
  const hash = createHash('sha256').update(salt);
  for (const path of paths) {
    if (statSync(path).isDirectory()) addFolder(hash, path);
    else hash.update(readFileSync(path));
  }
  return hash.digest('hex').slice(0, 12);
}
