/**
 * Memory of large bodies that is used again. A fresh buffer for each costs more than its bytes: the system clears its pages, and
 * what lies outside the heap makes the collector walk all of the heap every few dozen calls.
 */
import { REUSED_FROM_BYTES, type CallMemory } from '../core/index.ts';
import { memoryIsFull } from './memory-budget.ts';

const LARGEST_BYTES = 4 * 1024 * 1024;
/** Of all that wait to be used again. */
const IDLE_BYTES = 32 * 1024 * 1024;

/** Powers of two, and what lies halfway between them. */
function sizeFor(bytes: number): number {
  const power = 2 ** Math.ceil(Math.log2(bytes));
  return bytes <= (power / 4) * 3 ? (power / 4) * 3 : power;
}

export class BodyBuffers {
  /** By size; the size that was used longest ago stands first. */
  private readonly idle = new Map<number, Buffer[]>();
  private idleBytes = 0;

  /** @returns at least `bytes` long, with another body's bytes in it; undefined where a fresh one does as well */
  take(bytes: number): Buffer | undefined {
    if (bytes < REUSED_FROM_BYTES || bytes > LARGEST_BYTES) return undefined;
    const size = sizeFor(bytes);
    const buffer = this.ofSize(size).pop();
    if (buffer === undefined) return Buffer.allocUnsafeSlow(size);
    this.idleBytes -= size;
    return buffer;
  }

  /** @param buffer one that `take` gave; nobody reads it any more */
  give(buffer: Buffer): void {
    this.ofSize(buffer.length).push(buffer);
    this.idleBytes += buffer.length;
    for (const [size, buffers] of this.idle) {
      for (; this.idleBytes > IDLE_BYTES && buffers.length > 0; this.idleBytes -= size) buffers.pop();
      if (this.idleBytes <= IDLE_BYTES) return;
    }
  }

  private ofSize(size: number): Buffer[] {
    const buffers = this.idle.get(size) ?? [];
    this.idle.delete(size);
    this.idle.set(size, buffers);
    return buffers;
  }
}

/** What one call has been lent: its body, and changed copies of it. */
export class LentBuffers implements CallMemory {
  private readonly buffers: BodyBuffers;
  private readonly hold: (bytes: number) => boolean;
  private body: Buffer | undefined;
  /** The latest two: each is a copy of the one before, and what is older is read no more. */
  private copies: Buffer[] = [];
  /** Of copies: now, and at most so far. */
  private heldBytes = 0;
  private mostHeldBytes = 0;
  private kept = false;

  /** @param hold takes of the memory that all calls may have together; false: there is none left */
  constructor(buffers: BodyBuffers, hold: (bytes: number) => boolean) {
    this.buffers = buffers;
    this.hold = hold;
  }

  /** For the body as it comes. @returns as `BodyBuffers.take` */
  forBody(bytes: number): Buffer | undefined { return (this.body = this.buffers.take(bytes)); }

  /** @throws EntresolError `ENT_OVERLOADED` */
  readonly take = (bytes: number): Buffer => {
    const superseded = this.copies.length === 2 ? this.copies.shift() : undefined;
    if (superseded !== undefined) {
      this.heldBytes -= superseded.length;
      if (!this.kept) this.buffers.give(superseded);
    }
    const copy = this.buffers.take(bytes);
    if (copy === undefined) return Buffer.allocUnsafe(bytes);
    this.copies.push(copy);
    this.account(copy.length);
    return copy.subarray(0, bytes);
  };

  keep(): void { this.kept = true; }

  /** The call is over. What is not released is not used again, and nothing else happens. */
  release(): void {
    const lent = this.body === undefined ? this.copies : [this.body, ...this.copies];
    this.body = undefined;
    this.copies = [];
    if (!this.kept) for (const buffer of lent) this.buffers.give(buffer);
  }

  /** What was held for a copy that has been superseded serves the next one. */
  private account(bytes: number): void {
    this.heldBytes += bytes;
    const more = this.heldBytes - this.mostHeldBytes;
    if (more <= 0) return;
    if (!this.hold(more)) throw memoryIsFull();
    this.mostHeldBytes += more;
  }
}
