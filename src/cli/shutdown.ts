/** Ends a server on SIGTERM or SIGINT: drained on the first signal, at once on the second. */
export async function closeOnSignal(close: () => Promise<number>, say: (line: string) => void): Promise<void> {
  const signals = ['SIGTERM', 'SIGINT'] as const;
  await new Promise<void>((resolve, reject) => {
    let asked = false;
    const end = (signal: NodeJS.Signals): void => {
      if (asked) process.exit(signal === 'SIGINT' ? 130 : 143);
      asked = true;
      say(`${signal}: no new calls are taken; those in flight may finish.`);
      close().then((cut) => {
        if (cut > 0) say(`${cut} calls had not ended in time and were cut off.`);
        for (const name of signals) process.off(name, end);
        resolve();
      }, reject);
    };
    for (const name of signals) process.on(name, end);
  });
}
