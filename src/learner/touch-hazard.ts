/**
 * Does the session's next call use again what it last used so many calls ago? A back-off chain of count tables:
 *
 *   (kind, that agent's calls since, calls since) → + its agent → + the agent calling now → + the last tool
 *
 * each level shrunk towards the one before it with a fixed weight. For calls after the next one only the first two
 * levels are known. Kinds: used again before by this session, new prompt, new output, known from other sessions.
 */
import type { TouchKind } from '../core/index.ts';
import { mixHash } from './hash.ts';
import { UNKNOWN_KEY } from './session-state.ts';
import type { TableReader, TableWriter } from './table-codec.ts';

const CELLS = 2048;
const PRIOR_WEIGHT = 4;
/** Counts are kept in 64ths, for a group can be used again in part. */
const UNIT = 64;
const COUNTER_LIMIT = 64_000;
/** What is believed of each kind before anything is seen: for a use by the last call; for older ones half of it. */
const FIRST_BELIEF: readonly number[] = [0.9, 0.7, 0.5, 0.9];
const LEVELS = 4;
/** Buckets of ages in calls: 0, 1, 2, 3 to 4, 5 to 8 and so on; from this one on an age is believed to be like the one before. */
const EVEN_BUCKETS = 6;
const BUCKETS = 16;
const RECENCY_CELLS = Int32Array.from({ length: FIRST_BELIEF.length * 3 * BUCKETS }, (_, recency) => mixHash(1, recency) % CELLS);

export class TouchHazard {
  private readonly touched = new Uint16Array(CELLS);
  private readonly seen = new Uint16Array(CELLS);
  private readonly chain = new Int32Array(LEVELS);
  private readonly tallyTouched = new Float64Array(CELLS);
  private readonly tallySeen = new Float64Array(CELLS);
  /** Parts of a 64th that are not counted yet: rarely used blocks would never count otherwise. */
  private readonly carried = new Float64Array(CELLS);
  private readonly tallied: number[] = [];

  /**
   * @param callsSince calls of the session since that use, not counting the one that is asked about
   * @param agentCallsSince calls of the same agent since, likewise
   * @param caller the agent of the last call; UNKNOWN_KEY stops the chain before it
   * @param tool the last call's tool or stop reason; UNKNOWN_KEY stops the chain before it
   */
  chance(kind: TouchKind, agent: number, callsSince: number, agentCallsSince: number, caller: number, tool: number): number {
    let belief = FIRST_BELIEF[kind];
    if (callsSince > 0) belief *= 0.5;
    const levels = this.describe(kind, agent, callsSince, agentCallsSince, caller, tool);
    const recency = recencyOf(kind, agentCallsSince, callsSince);
    // An age that has hardly been reached yet is believed to be like half that age, and half as likely to be used.
    const oldest = callsBucket(callsSince);
    for (let age = EVEN_BUCKETS; age < oldest; age++) belief = 0.5 * this.shrunk(cellOfRecency(recency - oldest + age), belief);
    for (let level = 0; level < levels; level++) belief = this.shrunk(this.chain[level], belief);
    return belief;
  }

  tally(kind: TouchKind, agent: number, callsSince: number, agentCallsSince: number, caller: number, tool: number, touched: number, size: number): void {
    const levels = this.describe(kind, agent, callsSince, agentCallsSince, caller, tool);
    for (let level = 0; level < levels; level++) {
      const cell = this.chain[level];
      if (this.tallySeen[cell] === 0) this.tallied.push(cell);
      this.tallyTouched[cell] += touched;
      this.tallySeen[cell] += size;
    }
  }

  /** One call counts once per cell, however many blocks it had there. */
  learnTallies(): void {
    for (const cell of this.tallied) {
      if (this.seen[cell] >= COUNTER_LIMIT) {
        this.seen[cell] >>= 1;
        this.touched[cell] >>= 1;
      }
      const touched = (UNIT * this.tallyTouched[cell]) / this.tallySeen[cell] + this.carried[cell];
      this.touched[cell] += Math.floor(touched);
      this.carried[cell] = touched - Math.floor(touched);
      this.seen[cell] += UNIT;
      this.tallyTouched[cell] = 0;
      this.tallySeen[cell] = 0;
    }
    this.tallied.length = 0;
  }

  save(writer: TableWriter): void {
    writer.numbers(this.touched, 'u16');
    writer.numbers(this.seen, 'u16');
  }
  load(reader: TableReader): void {
    reader.numbers(this.touched, 'u16');
    reader.numbers(this.seen, 'u16');
    reader.demand(this.touched.every((touched, cell) => touched <= this.seen[cell]), 'more was used again somewhere than was looked at');
  }

  /** The share counted in the cell, shrunk towards the belief. */
  private shrunk(cell: number, belief: number): number {
    return (this.touched[cell] / UNIT + PRIOR_WEIGHT * belief) / (this.seen[cell] / UNIT + PRIOR_WEIGHT);
  }

  private describe(kind: TouchKind, agent: number, callsSince: number, agentCallsSince: number, caller: number, tool: number): number {
    const recency = recencyOf(kind, agentCallsSince, callsSince);
    this.chain[0] = cellOfRecency(recency);
    this.chain[1] = mixHash(2, recency, agent) % CELLS;
    if (caller === UNKNOWN_KEY) return 2;
    this.chain[2] = mixHash(6, agent, caller, recency) % CELLS;
    if (tool === UNKNOWN_KEY) return 3;
    // Who calls after which tool says more than the age does, but for what is old.
    const age = Math.max(EVEN_BUCKETS, callsBucket(callsSince));
    this.chain[3] = mixHash(8, mixHash(agent, caller), tool, recency - callsBucket(callsSince) + age) % CELLS;
    return 4;
  }
}

function recencyOf(kind: TouchKind, agentCallsSince: number, callsSince: number): number {
  return (kind * 3 + Math.min(2, Math.max(0, agentCallsSince))) * BUCKETS + callsBucket(callsSince);
}
function cellOfRecency(recency: number): number {
  return RECENCY_CELLS[recency];
}
function callsBucket(calls: number): number {
  if (calls < 3) return Math.max(0, calls);
  if (calls < 5) return 3;
  // 5 to 8, 9 to 16, 17 to 32 and so on.
  return Math.min(BUCKETS - 1, 33 - Math.clz32(calls - 1));
}
