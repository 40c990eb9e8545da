/** The clients of one side: a number of places, each playing one session after another on the side's clock. */
import type { BenchWorkload, PlayOptions } from './workload.ts';

/**
 * Ends when every session has been played, or at the signal: calls under way are then abandoned.
 * @param ranDry called once, when a place finds no session left: from then on the load is lighter than stated
 */
export async function drive(workload: BenchWorkload, options: PlayOptions, ranDry: () => void): Promise<void> {
  const { connection: { clock }, thinkMs, signal } = options;
  let next = 0;
  const place = async (index: number): Promise<void> => {
    // Places start apart, as if they had been at work before.
    await clock.sleep((index / workload.concurrency) * thinkMs, signal);
    for (let session = next++; session < workload.sessions.length; session = next++) await workload.play(session, options);
    ranDry();
  };
  try {
    await Promise.all(Array.from({ length: workload.concurrency }, (_, index) => place(index)));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
