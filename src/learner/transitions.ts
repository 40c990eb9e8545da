/**
 * Who calls next, counted within each session with START and END as states of their own: interleaved sessions do not
 * mix. Rows fade by halving, and are smoothed towards the agents' overall shares.
 */
import { AGENT_SLOTS } from './agent-table.ts';
import type { TableReader, TableWriter } from './table-codec.ts';

/** Agents with a slot, all others together, and the state before the first call or after the last. */
const STATES = AGENT_SLOTS + 2;
/** The row of a session's first call, and the column of its end. */
export const OUTSIDE = AGENT_SLOTS + 1;
const ROW_LIMIT = 250;
const SMOOTHING = 2;

export class Transitions {
  private readonly counts = new Uint8Array(STATES * STATES);
  private readonly rowTotals = new Uint32Array(STATES);
  private readonly columnTotals = new Uint32Array(STATES);

  learn(from: number, to: number): void {
    if (this.rowTotals[from] >= ROW_LIMIT) {
      for (let column = 0; column < STATES; column++) this.counts[from * STATES + column] >>= 1;
      this.sumUp();
    }
    this.add(from, to, 1);
  }
  unlearn(from: number, to: number): void {
    if (this.counts[from * STATES + to] > 0) this.add(from, to, -1);
  }

  /** Probability of each slot after `from`; the last entry (OUTSIDE) is the end. Sums to 1. */
  next(from: number): Float64Array {
    const result = new Float64Array(STATES);
    let all = 0;
    for (let column = 0; column < STATES; column++) all += this.columnTotals[column];
    for (let column = 0; column < STATES; column++) {
      const share = all > 0 ? this.columnTotals[column] / all : column === OUTSIDE ? 1 : 0;
      result[column] = (this.counts[from * STATES + column] + SMOOTHING * share) / (this.rowTotals[from] + SMOOTHING);
    }
    return result;
  }

  /** A slot changes hands: what it counted goes to `pool`. */
  fold(slot: number, pool: number): void {
    for (let state = 0; state < STATES; state++) {
      this.counts[pool * STATES + state] = Math.min(255, this.counts[pool * STATES + state] + this.counts[slot * STATES + state]);
      this.counts[slot * STATES + state] = 0;
    }
    for (let state = 0; state < STATES; state++) {
      this.counts[state * STATES + pool] = Math.min(255, this.counts[state * STATES + pool] + this.counts[state * STATES + slot]);
      this.counts[state * STATES + slot] = 0;
    }
    this.sumUp();
  }

  save(writer: TableWriter): void {
    writer.bytes(this.counts);
  }
  load(reader: TableReader): void {
    reader.bytes(this.counts);
    this.sumUp();
  }

  private add(from: number, to: number, count: 1 | -1): void {
    this.counts[from * STATES + to] += count;
    this.rowTotals[from] += count;
    this.columnTotals[to] += count;
  }
  private sumUp(): void {
    this.rowTotals.fill(0);
    this.columnTotals.fill(0);
    for (let from = 0; from < STATES; from++) {
      for (let to = 0; to < STATES; to++) {
        this.rowTotals[from] += this.counts[from * STATES + to];
        this.columnTotals[to] += this.counts[from * STATES + to];
      }
    }
  }
}
