/**
 * Memory of large bodies that is used again. A fresh buffer for each costs more than its bytes: the system clears its pages, and
 * what lies outside the heap makes the collector walk all of the heap every few dozen calls.
 */
import { REUSED_FROM_BYTES, type CallMemory } from '../core/index.ts';

const LARGEST_BYTES = 4 * 1024 * 1024;
/** Of all that wait to be used again. */
const IDLE_BYTES = 32 * 1024 * 1024;

export class BodyBuffers {
  private readonly idle = new Map<number, Buffer[]>();
  private idleBytes = 0;

  /** @returns at least `bytes` long, with another body's bytes in it; undefined where a fresh one does as well */
  take(bytes: number): Buffer | undefined {
    if (bytes < REUSED_FROM_BYTES || bytes > LARGEST_BYTES) return undefined;
    const size = 2 ** Math.ceil(Math.log2(bytes));
    const buffer = this.idle.get(size)?.pop();
    if (buffer === undefined) return Buffer.allocUnsafeSlow(size);
    this.idleBytes -= size;
    return buffer;
  }

  /** @param buffer one that `take` gave; nobody reads it any more */
  give(buffer: Buffer): void {
    const size = buffer.length;
    if (this.idleBytes + size > IDLE_BYTES) return;
    const same = this.idle.get(size);
    if (same === undefined) this.idle.set(size, [buffer]);
    else same.push(buffer);
    this.idleBytes += size;
  }
}

/** What one call has been lent: its body, and changed copies of it. */
export class LentBuffers implements CallMemory {
  private readonly buffers: BodyBuffers;
  private lent: Buffer[] | undefined;
  private kept = false;

  constructor(buffers: BodyBuffers) {
    this.buffers = buffers;
  }

  readonly take = (bytes: number): Buffer => this.lend(bytes)?.subarray(0, bytes) ?? Buffer.allocUnsafe(bytes);

  /** As `BodyBuffers.take`. */
  lend(bytes: number): Buffer | undefined {
    const buffer = this.buffers.take(bytes);
    if (buffer === undefined) return undefined;
    if (this.lent === undefined) this.lent = [buffer];
    else this.lent.push(buffer);
    return buffer;
  }

  keep(): void { this.kept = true; }

  /** The call is over. What is not released is not used again, and nothing else happens. */
  release(): void {
    if (!this.kept) for (const buffer of this.lent ?? []) this.buffers.give(buffer);
    this.lent = undefined;
  }
}
