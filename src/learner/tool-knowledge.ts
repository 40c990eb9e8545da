/**
 * How long tools take, and whether the same arguments give the same result within a session. By hash of the tool's
 * name, in a bounded number of cells; recent results are remembered as hashes only.
 */
import type { Quantiles } from '../core/index.ts';
import { hashText, mixHash } from './hash.ts';
import type { TableReader, TableWriter } from './table-codec.ts';
import { TIME_BINS, quantileMs, timeBin } from './time-grid.ts';

const CELLS = 32;
const COUNTER_LIMIT = 255;
const RECENT_RESULTS = 1024;

export interface Purity {
  readonly probability: number;
  readonly observations: number;
}

export class ToolKnowledge {
  private readonly durations = new Uint8Array(CELLS * TIME_BINS);
  private readonly same = new Uint8Array(CELLS);
  private readonly repeated = new Uint8Array(CELLS);
  /** Recent (session, tool, arguments) and their results. Working memory: not part of a snapshot. */
  private readonly recentCalls = new Uint32Array(RECENT_RESULTS);
  private readonly recentResults = new Uint32Array(RECENT_RESULTS);

  learnDuration(tool: string, durationMs: number): void {
    const start = cellOf(tool) * TIME_BINS;
    const at = start + timeBin(durationMs);
    if (this.durations[at] === COUNTER_LIMIT) for (let index = start; index < start + TIME_BINS; index++) this.durations[index] >>= 1;
    this.durations[at]++;
  }

  learnResult(session: string, tool: string, argumentsHash: string, resultHash: string): void {
    const call = mixHash(hashText(session), hashText(tool), hashText(argumentsHash)) || 1;
    const result = hashText(resultHash);
    const slot = call % RECENT_RESULTS;
    if (this.recentCalls[slot] === call) {
      const cell = cellOf(tool);
      if (this.repeated[cell] === COUNTER_LIMIT) {
        this.repeated[cell] >>= 1;
        this.same[cell] >>= 1;
      }
      this.repeated[cell]++;
      if (this.recentResults[slot] === result) this.same[cell]++;
    }
    this.recentCalls[slot] = call;
    this.recentResults[slot] = result;
  }

  /** Undefined for a tool that has not been seen. */
  duration(tool: string): Quantiles | undefined {
    const start = cellOf(tool) * TIME_BINS;
    const mass = this.durations.subarray(start, start + TIME_BINS);
    const total = mass.reduce((sum, count) => sum + count, 0);
    if (total === 0) return undefined;
    return { p10: quantileMs(mass, total, 0.1), p50: quantileMs(mass, total, 0.5), p90: quantileMs(mass, total, 0.9) };
  }

  /** Laplace's rule over repeated calls; undefined before the first repetition. */
  purity(tool: string): Purity | undefined {
    const cell = cellOf(tool);
    if (this.repeated[cell] === 0) return undefined;
    return { probability: (this.same[cell] + 1) / (this.repeated[cell] + 2), observations: this.repeated[cell] };
  }

  save(writer: TableWriter): void {
    writer.bytes(this.durations);
    writer.bytes(this.same);
    writer.bytes(this.repeated);
  }
  load(reader: TableReader): void {
    reader.bytes(this.durations);
    reader.bytes(this.same);
    reader.bytes(this.repeated);
  }
}

function cellOf(tool: string): number {
  return hashText(tool) % CELLS;
}
