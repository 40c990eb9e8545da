import { statSync } from 'node:fs';
import { availableParallelism, freemem } from 'node:os';
import type { TraceSource } from './job.ts';

const BASE_BYTES = 150e6;
/** What a worker's trees and indexes take for each byte of the largest trace, as measured on the given ones: gzip, then plain. */
const BYTES_PER_GZIP_BYTE = 400;
const BYTES_PER_PLAIN_BYTE = 40;
/** Of the memory that is free now. */
const SHARE_TO_USE = 0.7;

export interface Machine {
  readonly cores: number;
  readonly freeBytes: number;
}

function thisMachine(): Machine {
  // In a container the free memory of the host may be more than we may have.
  const limitBytes = process.constrainedMemory?.() ?? 0;
  const withinLimit = limitBytes > 0 ? limitBytes - process.memoryUsage.rss() : Infinity;
  return { cores: availableParallelism(), freeBytes: Math.min(freemem(), withinLimit) };
}

/** As many workers as cores, fewer where memory would not hold the largest trace in each of them. */
export function workerCount(traces: readonly TraceSource[], machine: Machine = thisMachine()): number {
  const bytesOf = ({ path }: TraceSource): number => BASE_BYTES + statSync(path).size * (path.endsWith('.gz') ? BYTES_PER_GZIP_BYTE : BYTES_PER_PLAIN_BYTE);
  const perWorker = Math.max(BASE_BYTES, ...traces.map(bytesOf));
  return Math.max(1, Math.min(machine.cores, Math.floor((SHARE_TO_USE * machine.freeBytes) / perWorker)));
}
