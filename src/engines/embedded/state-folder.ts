import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCode } from './file-system-errors.ts';

const PREFIX = 'entresol-states-';
const MEMORY_BACKED = '/dev/shm';

/** The engine saves states to files only; in a memory-backed folder that is a copy in memory. */
export function stateParent(): string {
  return process.platform === 'linux' && existsSync(MEMORY_BACKED) ? MEMORY_BACKED : tmpdir();
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/** Removes the folders of our processes that have ended without doing so. */
export function sweepStaleFolders(parent: string): string[] {
  const stale = readdirSync(parent).filter((name) => {
    const match = name.startsWith(PREFIX) ? /^(\d+)-/u.exec(name.slice(PREFIX.length)) : null;
    return match !== null && !isAlive(Number(match[1]));
  });
  const removed: string[] = [];
  for (const name of stale) {
    try {
      rmSync(join(parent, name), { recursive: true, force: true });
      removed.push(name);
    } catch (error) {
      // Another user's folder, or one that another process is removing at this moment.
      if (!['EPERM', 'EACCES', 'ENOTEMPTY'].includes(errorCode(error) ?? '')) throw error;
    }
  }
  return removed;
}

/** A folder for saved states that nobody else can read. Removed by `remove`, at the latest when this process exits. */
export class StateFolder {
  readonly path: string;
  readonly #onExit: () => void;
  #next = 0;
  static #made = 0;

  constructor(parent: string = stateParent()) {
    sweepStaleFolders(parent);
    this.path = join(parent, `${PREFIX}${process.pid}-${Date.now()}-${StateFolder.#made++}`);
    mkdirSync(this.path, { mode: 0o700 });
    this.#onExit = (): void => { rmSync(this.path, { recursive: true, force: true }); };
    process.once('exit', this.#onExit);
  }

  nextFile(): { id: number; path: string } {
    const id = this.#next++;
    return { id, path: this.fileOf(id) };
  }

  fileOf(id: number): string {
    return join(this.path, `${id}.state`);
  }

  freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  remove(): void {
    process.off('exit', this.#onExit);
    this.#onExit();
  }
}
