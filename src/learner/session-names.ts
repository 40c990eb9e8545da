import type { SessionId } from '../core/index.ts';
import { hashText } from './hash.ts';

const FIRST_SLOTS = 128;

/**
 * Rows of sessions by name: open addressing, a tenth of what a Map takes. Names are the handles', by row; row 0 is nobody's.
 */
export class SessionNames {
  private rows = new Uint16Array(FIRST_SLOTS);
  private count = 0;
  private readonly nameOf: (row: number) => SessionId;

  constructor(nameOf: (row: number) => SessionId) {
    this.nameOf = nameOf;
  }

  get size(): number {
    return this.count;
  }
  get bytes(): number {
    return this.rows.byteLength;
  }

  /** The session's row, or 0. */
  rowOf(id: SessionId): number {
    return this.rows[this.slotOf(id)];
  }

  /** Adds a row whose name is not there yet. */
  add(row: number): void {
    if (4 * ++this.count > 3 * this.rows.length) this.grow();
    this.rows[this.slotOf(this.nameOf(row))] = row;
  }

  remove(id: SessionId): void {
    const { rows } = this;
    const mask = rows.length - 1;
    let gap = this.slotOf(id);
    if (rows[gap] === 0) return;
    this.count--;
    // Whoever was passed on over the gap moves up, so that no search ends at it too early.
    for (let slot = (gap + 1) & mask; rows[slot] !== 0; slot = (slot + 1) & mask) {
      const home = hashText(this.nameOf(rows[slot])) & mask;
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      rows[gap] = rows[slot];
      gap = slot;
    }
    rows[gap] = 0;
  }

  /** Where the name is, or the empty place where it would be. */
  private slotOf(id: SessionId): number {
    const mask = this.rows.length - 1;
    let slot = hashText(id) & mask;
    while (this.rows[slot] !== 0 && this.nameOf(this.rows[slot]) !== id) slot = (slot + 1) & mask;
    return slot;
  }
  private grow(): void {
    const old = this.rows;
    this.rows = new Uint16Array(old.length * 2);
    for (const row of old) if (row !== 0) this.rows[this.slotOf(this.nameOf(row))] = row;
  }
}
