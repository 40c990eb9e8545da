/** Progress on standard error: one line rewritten on a terminal, else a line every few seconds. */
const TERMINAL_EVERY_MS = 100;
const LOG_EVERY_MS = 5000;

export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  #shownAtMs = performance.now();

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show(text: string): void {
    const nowMs = performance.now();
    if (nowMs - this.#shownAtMs < (this.#stream.isTTY ? TERMINAL_EVERY_MS : LOG_EVERY_MS)) return;
    this.#shownAtMs = nowMs;
    this.#stream.write(this.#stream.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
  }

  clear(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\u001b[K');
  }
}
