/**
 * Time between two calls of a session: a mixture of histograms on the time grid, one global and one per feature of
 * the last call (agent; agent and last tool or stop reason; output length; agent and output length).
 *
 *   P(bin j) = Σ_f w_f · (n_f[j] + K·p₀[j]) / (n_f + K),   w_f ∝ exp(decayed Σ log(p_f / p₀) of what was observed)
 *
 * Time hangs on the tool and on the amount of output far more than on the agent, and on which of them differs
 * between workloads: the weights find out.
 */
import { hashText, lengthBucket, mixHash } from './hash.ts';
import { GAP_FEATURES, type SessionState } from './session-state.ts';
import type { TableReader, TableWriter } from './table-codec.ts';
import { BIN_HIGH_MS, BIN_LOW_MS, TIME_BINS, timeBin } from './time-grid.ts';

const CELLS = 192;
const PRIOR_WEIGHT = 4;
const EVIDENCE_DECAY = 0.98;
const EVIDENCE_LIMIT = 20;
const COUNTER_LIMIT = 255;
/** The longest gap so far fades, so that one night's pause does not keep the dead alive for weeks. */
const LONGEST_DECAY = 0.999;

const SALT = ['agent', 'agent+tool', 'output', 'agent+output'].map(hashText);

export class GapModel {
  private readonly cells = new Uint8Array(CELLS * TIME_BINS);
  private readonly cellTotals = new Uint16Array(CELLS);
  readonly all = new Float64Array(TIME_BINS);
  total = 0;
  longestMs = 1000;
  private readonly evidence = new Float64Array(GAP_FEATURES);
  private readonly weights = new Float64Array(GAP_FEATURES + 1);

  /** Sets the features that an arrival gives. */
  describeArrival(session: SessionState): void {
    session.gapCells[0] = mixHash(SALT[0], session.agent) % CELLS;
    session.gapMask = 1;
  }
  /** Sets the features that the end of the call adds. */
  describeEnd(session: SessionState, outputTokens: number): void {
    const length = lengthBucket(outputTokens);
    session.gapCells[1] = mixHash(SALT[1], session.agent, session.tool) % CELLS;
    session.gapCells[2] = mixHash(SALT[2], length) % CELLS;
    session.gapCells[3] = mixHash(SALT[3], session.agent, length) % CELLS;
    session.gapMask = 15;
  }

  learn(session: SessionState, gapMs: number): void {
    const bin = timeBin(gapMs);
    const base = this.base(bin);
    for (let feature = 0; feature < GAP_FEATURES; feature++) {
      if ((session.gapMask & (1 << feature)) === 0) continue;
      const cell = session.gapCells[feature];
      const chance = (this.cells[cell * TIME_BINS + bin] + PRIOR_WEIGHT * base) / (this.cellTotals[cell] + PRIOR_WEIGHT);
      const evidence = this.evidence[feature] * EVIDENCE_DECAY + Math.log(chance / base);
      this.evidence[feature] = Math.max(-EVIDENCE_LIMIT, Math.min(EVIDENCE_LIMIT, evidence));
    }
    for (let feature = 0; feature < GAP_FEATURES; feature++) {
      if ((session.gapMask & (1 << feature)) !== 0) this.count(session.gapCells[feature], bin);
    }
    this.all[bin]++;
    this.total++;
    this.longestMs = Math.max(gapMs, this.longestMs * LONGEST_DECAY);
  }

  /** Writes the mass of each bin beyond `idleMs` (not normalised) and returns its sum, P(gap > idle). */
  remaining(session: SessionState, idleMs: number, out: Float64Array): number {
    const weights = this.weights;
    let most = 0;
    for (let feature = 0; feature < GAP_FEATURES; feature++) {
      if ((session.gapMask & (1 << feature)) !== 0 && this.evidence[feature] > most) most = this.evidence[feature];
    }
    let sum = (weights[GAP_FEATURES] = Math.exp(-most));
    for (let feature = 0; feature < GAP_FEATURES; feature++) {
      weights[feature] = (session.gapMask & (1 << feature)) === 0 ? 0 : Math.exp(this.evidence[feature] - most);
      sum += weights[feature];
    }
    // p = Σ w (n + K p₀)/(N + K) = p₀ (w₀ + Σ w K/(N + K)) + Σ (w/(N + K)) n: one pass per histogram.
    let basePart = weights[GAP_FEATURES];
    for (let feature = 0; feature < GAP_FEATURES; feature++) {
      if (weights[feature] === 0) continue;
      weights[feature] /= this.cellTotals[session.gapCells[feature]] + PRIOR_WEIGHT;
      basePart += weights[feature] * PRIOR_WEIGHT;
    }
    const start = idleMs <= 0 ? 0 : timeBin(idleMs);
    out.fill(0, 0, start);
    let total = 0;
    for (let bin = start; bin < TIME_BINS; bin++) {
      let mass = basePart * this.base(bin);
      for (let feature = 0; feature < GAP_FEATURES; feature++) {
        if (weights[feature] > 0) mass += weights[feature] * this.cells[session.gapCells[feature] * TIME_BINS + bin];
      }
      mass /= sum;
      if (BIN_HIGH_MS[bin] <= idleMs) mass = 0;
      else if (BIN_LOW_MS[bin] < idleMs) mass *= (BIN_HIGH_MS[bin] - idleMs) / (BIN_HIGH_MS[bin] - BIN_LOW_MS[bin]);
      out[bin] = mass;
      total += mass;
    }
    return total;
  }

  save(writer: TableWriter): void {
    writer.bytes(this.cells);
    writer.numbers(this.all, 'f32');
    writer.numbers(this.evidence, 'f32');
    writer.numbers([this.longestMs], 'f64');
  }
  load(reader: TableReader): void {
    reader.bytes(this.cells);
    reader.numbers(this.all, 'f32');
    reader.numbers(this.evidence, 'f32');
    const longest = new Float64Array(1);
    reader.numbers(longest, 'f64');
    this.longestMs = longest[0];
    this.total = this.all.reduce((sum, count) => sum + count, 0);
    for (let cell = 0; cell < CELLS; cell++) this.cellTotals[cell] = this.sumOf(cell);
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
