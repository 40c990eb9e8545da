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
/** Uses of what is old are rare, and one long prompt is many at once: a belief about them weighs as much as so many uses. */
const PRIOR_USES_OF_OLD = 2;
/** Counts are kept in 64ths, for a group can be used again in part. */
const UNIT = 64;
const COUNTER_LIMIT = 64_000;
/** What is believed of each kind before anything is seen: for a use by the last call; for older ones half of it. */
const FIRST_BELIEF: readonly number[] = [0.9, 0.7, 0.5, 0.9];
const LEVELS = 4;
/** Buckets of ages in calls: 0, 1, 2, 3 to 4, 5 to 8 and so on; from this one on an age is believed to be like the one before. */
const EVEN_BUCKETS = 6;
const BUCKETS = 16;
/** How many ages a bucket holds. */
const AGES_OF_BUCKET = Float64Array.from({ length: BUCKETS }, (_, bucket) => 2 ** (bucket - 2));
/** That agent's calls since are told apart up to two. */
const AGENT_CALLS = 3;
const RECENCIES = FIRST_BELIEF.length * AGENT_CALLS * BUCKETS;
const RECENCY_CELLS = Int32Array.from({ length: RECENCIES }, (_, recency) => mixHash(1, recency) % CELLS);

export class TouchHazard {
  private readonly touched = new Uint16Array(CELLS);
  private readonly seen = new Uint16Array(CELLS);
  private readonly chain = new Int32Array(LEVELS);
  private readonly tallyTouched = new Float64Array(CELLS);
  private readonly tallySeen = new Float64Array(CELLS);
  /** Parts of a 64th that are not counted yet: rarely used blocks would never count otherwise. */
  private readonly carried = new Float64Array(CELLS);
  private readonly tallied = new Int32Array(CELLS);
  private talliedCells = 0;
  private readonly beliefs = new Float64Array(RECENCIES);
  /** How often tallies had been learned when the beliefs about that kind were found. */
  private readonly believedAt = new Float64Array(RECENCIES / BUCKETS);
  private learned = 1;

  /**
   * Writes the chance of each of several calls to come, given that none before it used the thing again.
   * @param callsSince calls of the session since that use, not counting the one that is asked about
   * @param agentCallsSince calls of the same agent since, likewise
   * @param caller the agent of the last call; UNKNOWN_KEY stops the chain before it
   * @param tool the last call's tool or stop reason; UNKNOWN_KEY stops the chain before it
   * @param ahead how many calls come before each that is asked about, ascending; of those after the next one neither caller nor tool is known
   */
  chances(kind: TouchKind, agent: number, callsSince: number, agentCallsSince: number, caller: number, tool: number, ahead: ArrayLike<number>, out: Float64Array): void {
    const recent = recencyOf(kind, agentCallsSince, 0);
    if (this.believedAt[recent / BUCKETS] !== this.learned) this.believe(recent, FIRST_BELIEF[kind] * 0.5);
    for (let place = 0; place < ahead.length; place++) {
      const since = callsSince + ahead[place];
      const bucket = callsBucket(since);
      const recency = recent + bucket;
      let belief = since > 0 ? this.beliefs[recency] : this.shrunk(RECENCY_CELLS[recency], FIRST_BELIEF[kind], bucket);
      if (ahead[place] > 0) belief = this.shrunk(cellOfAgent(recency, agent), belief, bucket);
      else {
        const levels = this.describe(kind, agent, since, agentCallsSince, caller, tool);
        for (let level = 1; level < levels; level++) belief = this.shrunk(this.chain[level], belief, bucket);
      }
      out[place] = Math.min(1, belief * withinOctave(bucket, since));
    }
  }

  tally(kind: TouchKind, agent: number, callsSince: number, agentCallsSince: number, caller: number, tool: number, touched: number, size: number): void {
    const levels = this.describe(kind, agent, callsSince, agentCallsSince, caller, tool);
    for (let level = 0; level < levels; level++) {
      const cell = this.chain[level];
      if (this.tallySeen[cell] === 0) this.tallied[this.talliedCells++] = cell;
      this.tallyTouched[cell] += touched;
      this.tallySeen[cell] += size;
    }
  }

  /** What the first level says of a kind, by age, for uses before the last call. It hangs on counts alone: found once per call at most. */
  private believe(recent: number, first: number): void {
    this.believedAt[recent / BUCKETS] = this.learned;
    let older = first;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const belief = this.shrunk(RECENCY_CELLS[recent + bucket], older, bucket);
      this.beliefs[recent + bucket] = belief;
      // An age that has hardly been reached yet is believed to be like half that age, and half as likely to be used.
      if (bucket >= EVEN_BUCKETS) older = 0.5 * belief;
    }
  }

  /** One call counts once per cell, however many blocks it had there. */
  learnTallies(): void {
    this.learned++;
    for (let place = 0; place < this.talliedCells; place++) {
      const cell = this.tallied[place];
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
    this.talliedCells = 0;
  }

  save(writer: TableWriter): void {
    writer.numbers(this.touched, 'u16');
    writer.numbers(this.seen, 'u16');
  }
  load(reader: TableReader): void {
    this.learned++;
    reader.numbers(this.touched, 'u16');
    reader.numbers(this.seen, 'u16');
    reader.demand(this.touched.every((touched, cell) => touched <= this.seen[cell]), 'more was used again somewhere than was looked at');
  }

  /** The share counted in the cell, shrunk towards the belief. */
  private shrunk(cell: number, belief: number, bucket: number): number {
    const weight = bucket < EVEN_BUCKETS ? PRIOR_WEIGHT : Math.max(PRIOR_WEIGHT, PRIOR_USES_OF_OLD / belief);
    return (this.touched[cell] / UNIT + weight * belief) / (this.seen[cell] / UNIT + weight);
  }

  private describe(kind: TouchKind, agent: number, callsSince: number, agentCallsSince: number, caller: number, tool: number): number {
    const recency = recencyOf(kind, agentCallsSince, callsSince);
    this.chain[0] = RECENCY_CELLS[recency];
    this.chain[1] = cellOfAgent(recency, agent);
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
  return (kind * AGENT_CALLS + Math.min(AGENT_CALLS - 1, Math.max(0, agentCallsSince))) * BUCKETS + callsBucket(callsSince);
}
function cellOfAgent(recency: number, agent: number): number {
  return mixHash(2, recency, agent) % CELLS;
}
/** The chance of a use falls as 1/age within an octave of ages, whose mean is what is counted: so equals go by age. */
function withinOctave(bucket: number, callsSince: number): number {
  return bucket < EVEN_BUCKETS || bucket === BUCKETS - 1 ? 1 : AGES_OF_BUCKET[bucket] / (Math.LN2 * callsSince);
}
function callsBucket(calls: number): number {
  if (calls < 3) return Math.max(0, calls);
  if (calls < 5) return 3;
  // 5 to 8, 9 to 16, 17 to 32 and so on.
  return Math.min(BUCKETS - 1, 33 - Math.clz32(calls - 1));
}
