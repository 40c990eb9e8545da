/** What a replay's result depends on, as hashes: the trace's bytes and the code that ran. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { EntresolError } from '../../../core/index.ts';

/** @throws EntresolError `ENT_TRACE_INVALID` if it cannot be read */
export async function fileDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash);
  } catch (error) {
    throw new EntresolError('ENT_TRACE_INVALID', `the file: expected a readable file, found: ${(error as Error).message}.`, { at: path, cause: error });
  }
  return hash.digest('hex');
}

const RELATIVE_IMPORT = /\b(?:from|import)\s*\(?\s*["'](\.{1,2}\/[^"']+)["']/g;
const ENDINGS = ['', '.ts', '.mts', '.js', '.mjs', '/index.ts', '/index.js'];

/**
 * Hash of a module and of all that it imports by relative paths. Packages are not followed: their versions change with
 * ours.
 */
export function codeDigest(entry: string): string {
  const hash = createHash('sha256');
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    const text = readFileSync(path, 'utf8');
    hash.update(`${text.length}\n`).update(text);
    for (const [, specifier] of text.matchAll(RELATIVE_IMPORT)) {
      const found = moduleAt(resolve(dirname(path), specifier));
      if (found !== undefined) visit(found);
    }
  };
  visit(resolve(entry));
  return hash.digest('hex');
}

function moduleAt(path: string): string | undefined {
  // TypeScript may name the file that will be made of it: ./a.js for ./a.ts.
  const candidates = [...ENDINGS.map((ending) => path + ending), path.replace(/\.([cm]?)js$/, '.$1ts')];
  return candidates.find((candidate) => existsSync(candidate) && statSync(candidate).isFile());
}
