/** Long work that Ctrl-C ends cleanly: what is done stays in the cache, and the exit code says that it was stopped. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** @param stopped what to tell a person then; the exit code is set, nothing is thrown */
export async function interruptible(work: (signal: AbortSignal) => Promise<void>, stopped: () => void): Promise<void> {
  const controller = new AbortController();
  const handlers = (Object.keys(EXIT_CODES) as (keyof typeof EXIT_CODES)[]).map((signal) => {
    const handle = (): void => {
      // A second signal ends the process at once.
      if (controller.signal.aborted) process.exit(EXIT_CODES[signal]);
      process.exitCode = EXIT_CODES[signal];
      controller.abort();
    };
    process.on(signal, handle);
    return [signal, handle] as const;
  });
  try {
    await work(controller.signal);
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    stopped();
  } finally {
    for (const [signal, handle] of handlers) process.off(signal, handle);
  }
}
