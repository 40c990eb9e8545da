import { EntresolError } from '../core/index.ts';

export const memoryIsFull = (): EntresolError => new EntresolError('ENT_OVERLOADED', 'The bodies of the requests at hand fill the memory that they may have.');

/** Memory that all requests together may hold in bodies and in answers that are being read. */
export class MemoryBudget {
  readonly #limitBytes: number;
  #usedBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get usedBytes(): number { return this.#usedBytes; }

  /** False where that much is not left; then nothing is taken. */
  take(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#limitBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  give(bytes: number): void { this.#usedBytes -= bytes; }
}
