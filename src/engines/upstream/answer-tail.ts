import type { Answer } from '../../core/index.ts';
import type { AnswerEnd } from './adapter.ts';

const TAIL_BYTES = 16 * 1024;

/** Hands an answer on as it comes, and keeps its last bytes: there servers tell what they counted. */
export class AnswerTail implements Answer {
  readonly #to: Answer;
  #status = 0;
  #headers: readonly string[] = [];
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #began: (() => void) | undefined;

  constructor(to: Answer, began?: () => void) {
    this.#to = to;
    this.#began = began;
  }

  head(status: number, headers: readonly string[]): void {
    this.#status = status;
    this.#headers = headers;
    this.#to.head(status, headers);
  }

  write(bytes: Uint8Array): void | Promise<void> {
    this.#began?.();
    this.#began = undefined;
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
    while (this.#bytes - this.#parts[0].length >= TAIL_BYTES) this.#bytes -= this.#parts.shift()!.length;
    return this.#to.write(bytes);
  }

  end(): void { this.#to.end(); }
  destroy(error: Error): void { this.#to.destroy(error); }

  get seen(): AnswerEnd {
    const kept = Buffer.concat(this.#parts);
    return { status: this.#status, headers: this.#headers, tail: kept.subarray(Math.max(0, kept.length - TAIL_BYTES)) };
  }
}
