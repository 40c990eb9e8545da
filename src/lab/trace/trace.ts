/** A trace in memory: per call a few numbers and the last block of its chain; everything else is the block tree. */
import { NO_BLOCK } from './block-trie.ts';
import type { TraceLine } from './trace-line.ts';

export interface TraceCall extends Pick<TraceLine, 'step' | 'agent' | 'instance' | 'stop' | 'startMs' | 'durationMs' | 'promptTokens' | 'outputTokens'> {
  /** Index into `Trace.sessions`. */
  readonly session: number;
  /** Names of the tools that the answer calls. */
  readonly tools: readonly string[];
  /** Hash of the last segment of the answer. */
  readonly outputHash: string | undefined;
  /** Last full block of prompt and output together, or -1. Its ancestors are the call's other blocks. */
  readonly lastBlock: number;
  readonly promptBlocks: number;
  /** Full blocks of prompt and output together. */
  readonly blocks: number;
}

export interface TraceSession {
  readonly id: string;
  readonly workload: string;
  /** Its calls are `calls[firstCall]` to `calls[firstCall + callCount - 1]`. */
  readonly firstCall: number;
  readonly callCount: number;
  readonly distinctBlocks: number;
}

export interface Trace {
  /** The file's name without `.jsonl.gz`. */
  readonly name: string;
  readonly blockTokens: number;
  readonly calls: readonly TraceCall[];
  readonly sessions: readonly TraceSession[];
  readonly blockCount: number;
  /** Of every block, its parent (less than itself) or -1. */
  readonly parents: Int32Array;
  /** Of every block, the number of blocks before it in its chain. */
  readonly depths: Int32Array;
}

/** Writes the call's blocks, root first, to the front of `chain` (at least `call.blocks` long). */
export function writeChain(trace: Trace, call: TraceCall, chain: Int32Array): void {
  const { parents } = trace;
  let block = call.lastBlock;
  for (let position = call.blocks - 1; position >= 0; position--) {
    chain[position] = block;
    block = parents[block];
  }
  if (block !== NO_BLOCK) throw new RangeError(`call with ${call.blocks} blocks has a longer chain`);
}

/** The longest chain of any call, for buffers. */
export function longestChain(trace: Trace): number {
  return trace.calls.reduce((longest, call) => Math.max(longest, call.blocks), 0);
}
