/** Keeps a number of sessions going at once, starting the next script where one ends. */
import type { SessionScript } from './script.ts';
import { runSession, type Caller, type SessionOptions } from './session.ts';

export interface ApplicationOptions extends Omit<SessionOptions, 'script'> {
  /** Sessions at once. */
  readonly concurrency: number;
  readonly scripts: Iterator<SessionScript>;
}

/** Ends when the scripts do, or at the signal: calls under way are then abandoned. Sessions start apart by a fraction of the think time. */
export async function runApplication(caller: Caller, options: ApplicationOptions): Promise<void> {
  try {
    await keepSessionsGoing(caller, options);
  } catch (error) {
    if (options.signal?.aborted !== true) throw error;
  }
}

async function keepSessionsGoing(caller: Caller, options: ApplicationOptions): Promise<void> {
  const { concurrency, scripts, pace, thinkMs, signal } = options;
  const keepGoing = async (place: number): Promise<void> => {
    await pace.sleep((place / concurrency) * thinkMs, signal);
    for (let next = scripts.next(); next.done !== true; next = scripts.next()) {
      if (signal?.aborted === true) return;
      await runSession(caller, { ...options, script: next.value });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, (_, place) => keepGoing(place)));
}
