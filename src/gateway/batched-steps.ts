/**
 * Steps of calls that are done together: all that wait, one after the other, once every socket that is ready has been
 * read. A step runs some hundred functions; done for several calls in a row it finds them in the processor's caches,
 * where calls that are taken one by one from socket to socket find those of HTTP. First come, first done: a call that
 * ended is told of before one that came after it.
 */
export class BatchedSteps {
  #open = 0;
  #waiting: (() => void)[] = [];
  #spare: (() => void)[] = [];

  /** A call has begun, or is over: steps of the only one wait for nobody. */
  begin(): void { this.#open += 1; }
  end(): void { this.#open -= 1; }

  /**
   * Resolves when it is this step's turn, in the same turn of the event loop, so before anything that a client sends once it has
   * its answer; undefined: now.
   */
  turn(): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#open <= 1) return undefined;
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
