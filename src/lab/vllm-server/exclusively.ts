import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '../../engines/embedded/file-system-errors.ts';

const LOOK_EVERY_MS = 250;

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/** Runs `work` while no other process of this machine does so under the same path. A holder that has died is passed over. */
export async function exclusively<T>(path: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  for (;;) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
      const holder = Number(await readFile(path, 'utf8').catch(() => ''));
      // 0: its holder is just writing it, or has just left.
      if (holder > 0 && holder !== process.pid && !isAlive(holder)) await rm(path, { force: true });
      else await new Promise((resolve) => { setTimeout(resolve, LOOK_EVERY_MS); });
    }
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}
