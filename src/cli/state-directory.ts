import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../core/index.ts';
import { FileStore, type Store } from '../store/index.ts';

/** Learned tables and policies' snapshots: a few per workload. */
const MAXIMUM_ENTRIES = 1024;

/** Where what was learned is kept: `ENTRESOL_STATE_DIR`, else the platform's own place for state. */
export function stateDirectory(environment: NodeJS.ProcessEnv = process.env, platform: NodeJS.Platform = process.platform): string {
  if (environment.ENTRESOL_STATE_DIR) return environment.ENTRESOL_STATE_DIR;
  if (environment.XDG_STATE_HOME) return join(environment.XDG_STATE_HOME, 'entresol');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'entresol', 'state');
  if (platform === 'win32') return join(environment.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'entresol', 'state');
  return join(homedir(), '.local', 'state', 'entresol');
}

/** @param given `--state`: a directory, or `none` */
export function openState(given: string | undefined, clock: Clock): Store | undefined {
  if (given === 'none') return undefined;
  return new FileStore({ directory: given ?? stateDirectory(), clock, maximumEntries: MAXIMUM_ENTRIES });
}
