import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Where engines and generated models are kept between runs: `ENTRESOL_CACHE_DIR`, else the platform's own place for
 * caches (`XDG_CACHE_HOME`, `~/Library/Caches`, `%LOCALAPPDATA%`), in a folder of our own.
 */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env, platform: NodeJS.Platform = process.platform): string {
  if (environment.ENTRESOL_CACHE_DIR) return environment.ENTRESOL_CACHE_DIR;
  if (environment.XDG_CACHE_HOME) return join(environment.XDG_CACHE_HOME, 'entresol');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'entresol');
  if (platform === 'win32') return join(environment.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'entresol', 'cache');
  return join(homedir(), '.cache', 'entresol');
}
