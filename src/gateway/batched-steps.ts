/**
 * Steps of calls that are done together: all that wait, one after the other, once every socket that is ready has been
 * read. A step runs some hundred functions; done for several calls in a row it finds them in the processor's caches,
 * where calls that are taken one by one from socket to socket find those of HTTP. First come, first done: a call that
 * ended is told of before one that came after it.
 */
export class BatchedSteps {
  readonly #crowded: () => boolean;
  #waiting: (() => void)[] = [];
  #spare: (() => void)[] = [];

  /** @param crowded whether several calls are open: a step of the only one is done at once */
  constructor(crowded: () => boolean) {
    this.#crowded = crowded;
  }

  /** Resolves when it is this step's turn, in the same turn of the event loop; undefined: now. */
  turn(): Promise<void> | undefined {
    if (this.#waiting.length === 0 && !this.#crowded()) return undefined;
    return new Promise((resolve) => {
      if (this.#waiting.push(resolve) === 1) setImmediate(this.#run);
    });
  }

  readonly #run = (): void => {
    const batch = this.#waiting;
    this.#waiting = this.#spare;
    for (const resolve of batch) resolve();
    batch.length = 0;
    this.#spare = batch;
  };
}
