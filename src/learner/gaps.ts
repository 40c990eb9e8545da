/**
 * Time to a session's next call: a mixture of histograms on the time grid, one global and one per feature of the last
 * call. Two of them: from the call's end, by what its end told (agent; agent and last tool or stop reason; output
 * length; agent and output length); and, while it is running, from its arrival, by what that told (agent; agent and
 * the one before; agent and prompt length; agent and the tool before).
 *
 *   P(bin j) = Σ_f w_f · (n_f[j] + K·p₀[j]) / (n_f + K),   w_f ∝ exp(decayed Σ log(p_f / p₀) of what was observed)
 *
 * Time hangs on the tool and on the amount of output far more than on the agent, and on which of them differs
 * between workloads: the weights find out.
 */
import { hashText, lengthBucket, mixHash } from './hash.ts';
import { GAP_FEATURES } from './session-rows.ts';
import type { SessionState } from './session-state.ts';
import type { TableReader, TableWriter } from './table-codec.ts';
import { BIN_HIGH_MS, BIN_LOW_MS, TIME_BINS, timeBin } from './time-grid.ts';

const PRIOR_WEIGHT = 4;
const EVIDENCE_DECAY = 0.98;
const EVIDENCE_LIMIT = 20;
const COUNTER_LIMIT = 255;
/** The longest gap so far fades, so that one night's pause does not keep the dead alive for weeks. */
const LONGEST_DECAY = 0.999;

const FROM_ARRIVAL = ['agent', 'agent+previous', 'agent+prompt', 'agent+previous tool'].map(hashText);
const FROM_END = ['agent', 'agent+tool', 'output', 'agent+output'].map(hashText);
const PROMPT_BUCKETS_PER_OCTAVE = 2;

export class GapModel {
  private readonly cellCount: number;
  private readonly cells: Uint8Array;
  private readonly cellTotals: Uint16Array;
  readonly all = new Float64Array(TIME_BINS);
  total = 0;
  longestMs = 1000;
  private readonly evidence = new Float64Array(GAP_FEATURES);
  /** Weights by the evidence so far, the global histogram's last; their sum; the global histogram's chances. All found anew after something was learned. */
  private readonly weights = new Float64Array(GAP_FEATURES + 1);
  private weightSum = 1;
  private readonly chances = new Float64Array(TIME_BINS);
  private isStale = true;
  private readonly scaled = new Float64Array(GAP_FEATURES);

  constructor(cellCount: number) {
    this.cellCount = cellCount;
    this.cells = new Uint8Array(cellCount * TIME_BINS);
    this.cellTotals = new Uint16Array(cellCount);
  }

  describeArrival(session: SessionState, promptTokens: number): void {
    const { agent } = session;
    session.setArrivalGapCell(0, mixHash(FROM_ARRIVAL[0], agent) % this.cellCount);
    session.setArrivalGapCell(1, mixHash(FROM_ARRIVAL[1], agent, session.previousAgent) % this.cellCount);
    session.setArrivalGapCell(2, mixHash(FROM_ARRIVAL[2], agent, Math.round(PROMPT_BUCKETS_PER_OCTAVE * Math.log2(promptTokens + 1))) % this.cellCount);
    session.setArrivalGapCell(3, mixHash(FROM_ARRIVAL[3], agent, session.previousTool) % this.cellCount);
  }
  describeEnd(session: SessionState, outputTokens: number): void {
    const { agent } = session;
    const length = lengthBucket(outputTokens);
    session.setEndGapCell(0, mixHash(FROM_END[0], agent) % this.cellCount);
    session.setEndGapCell(1, mixHash(FROM_END[1], agent, session.tool) % this.cellCount);
    session.setEndGapCell(2, mixHash(FROM_END[2], length) % this.cellCount);
    session.setEndGapCell(3, mixHash(FROM_END[3], agent, length) % this.cellCount);
  }

  learn(features: Int32Array, gapMs: number): void {
    const bin = timeBin(gapMs);
    const base = this.base(bin);
    for (let feature = 0; feature < GAP_FEATURES; feature++) {
      const cell = features[feature];
      const chance = (this.cells[cell * TIME_BINS + bin] + PRIOR_WEIGHT * base) / (this.cellTotals[cell] + PRIOR_WEIGHT);
      const evidence = this.evidence[feature] * EVIDENCE_DECAY + Math.log(chance / base);
      this.evidence[feature] = Math.max(-EVIDENCE_LIMIT, Math.min(EVIDENCE_LIMIT, evidence));
    }
    for (let feature = 0; feature < GAP_FEATURES; feature++) {
      this.count(features[feature], bin);
    }
    this.all[bin]++;
    this.total++;
    this.isStale = true;
    this.longestMs = Math.max(gapMs, this.longestMs * LONGEST_DECAY);
  }

  /** Writes the mass of each bin beyond `idleMs` (not normalised) and returns its sum, P(gap > idle). */
  remaining(features: Int32Array, idleMs: number, out: Float64Array): number {
    if (this.isStale) this.weigh();
    const { scaled, weights, weightSum } = this;
    // p = Σ w (n + K p₀)/(N + K) = p₀ (w₀ + Σ w K/(N + K)) + Σ (w/(N + K)) n: one pass per histogram.
    let basePart = weights[GAP_FEATURES];
    for (let feature = 0; feature < GAP_FEATURES; feature++) {
      scaled[feature] = weights[feature] / (this.cellTotals[features[feature]] + PRIOR_WEIGHT);
      basePart += scaled[feature] * PRIOR_WEIGHT;
    }
    const start = idleMs <= 0 ? 0 : timeBin(idleMs);
    out.fill(0, 0, start);
    let total = 0;
    for (let bin = start; bin < TIME_BINS; bin++) {
      let mass = basePart * this.chances[bin];
      for (let feature = 0; feature < GAP_FEATURES; feature++) {
        mass += scaled[feature] * this.cells[features[feature] * TIME_BINS + bin];
      }
      mass /= weightSum;
      if (BIN_HIGH_MS[bin] <= idleMs) mass = 0;
      out[bin] = mass;
      total += mass;
    }
    return passed(start, idleMs, total, out);
  }

  save(writer: TableWriter): void {
    writer.bytes(this.cells);
    writer.numbers(this.all, 'f32');
    writer.numbers(this.evidence, 'f32');
    writer.numbers([this.longestMs], 'f64');
  }
  load(reader: TableReader): void {
    this.isStale = true;
    reader.bytes(this.cells);
    reader.numbers(this.all, 'f32', { least: 0 });
    reader.numbers(this.evidence, 'f32', { least: -EVIDENCE_LIMIT, most: EVIDENCE_LIMIT });
    const longest = new Float64Array(1);
    reader.numbers(longest, 'f64', { least: 0 });
    this.longestMs = longest[0];
    this.total = this.all.reduce((sum, count) => sum + count, 0);
    for (let cell = 0; cell < this.cellCount; cell++) this.cellTotals[cell] = this.sumOf(cell);
  }

  private weigh(): void {
    const { weights } = this;
    let most = 0;
    for (let feature = 0; feature < GAP_FEATURES; feature++) {
      if (this.evidence[feature] > most) most = this.evidence[feature];
    }
    this.weightSum = weights[GAP_FEATURES] = Math.exp(-most);
    for (let feature = 0; feature < GAP_FEATURES; feature++) {
      weights[feature] = Math.exp(this.evidence[feature] - most);
      this.weightSum += weights[feature];
    }
    for (let bin = 0; bin < TIME_BINS; bin++) this.chances[bin] = this.base(bin);
    this.isStale = false;
  }
  private base(bin: number): number {
    return (this.all[bin] + 1 / TIME_BINS) / (this.total + 1);
  }
  private count(cell: number, bin: number): void {
    const at = cell * TIME_BINS + bin;
    if (this.cells[at] === COUNTER_LIMIT) {
      for (let index = cell * TIME_BINS; index < (cell + 1) * TIME_BINS; index++) this.cells[index] >>= 1;
      this.cellTotals[cell] = this.sumOf(cell);
    }
    this.cells[at]++;
    this.cellTotals[cell]++;
  }
  private sumOf(cell: number): number {
    let sum = 0;
    for (let index = cell * TIME_BINS; index < (cell + 1) * TIME_BINS; index++) sum += this.cells[index];
    return sum;
  }
}

/**
 * Takes out of the first bin what lies before `idleMs`, as if calls came at one rate all through the bin. Were they spread
 * evenly instead, the rate would rise without limit towards the end of a bin with nothing behind it: who should have
 * called long ago would be expected at any moment. Returns what is left in all.
 */
function passed(bin: number, idleMs: number, total: number, out: Float64Array): number {
  const done = (idleMs - BIN_LOW_MS[bin]) / (BIN_HIGH_MS[bin] - BIN_LOW_MS[bin]);
  if (!(done > 0 && done < 1)) return total;
  const later = total - out[bin];
  const left = later > 0 ? total * (later / total) ** done : total * (1 - done);
  out[bin] = left - later;
  return left;
}
