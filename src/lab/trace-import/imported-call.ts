/** What every format is turned into: calls whose text is hashed already. */
import type { LinePlace } from '../trace/trace-line.ts';

/**
 * A run of a prompt or an answer. `bytes`: of the text that it stands for; its tokens are worked out when all is read.
 * `tokens`: as the source says.
 */
export type HashedRun = { readonly hash: string; readonly bytes: number } | { readonly hash: string; readonly tokens: number };

export interface ImportedTool {
  readonly name: string;
  readonly argumentsHash?: string;
}

export interface ImportedCall {
  readonly session: string;
  readonly workload?: string;
  readonly agent?: string;
  /** Where the agent's name is known only later: what `FormatReader.agentOf` is asked at the end. */
  readonly agentKey?: string;
  readonly instance?: string;
  /** Epoch ms; null where the source has no clock. */
  readonly startMs: number | null;
  readonly durationMs: number | null;
  /** The prompt is the first `keep` runs of the last call of the same lineage, then `add`. */
  readonly lineage: string;
  readonly keep: number;
  readonly add: readonly HashedRun[];
  readonly out: readonly HashedRun[];
  readonly stop?: string;
  readonly tools: readonly ImportedTool[];
  readonly usage?: { readonly in?: number; readonly out?: number; readonly cacheRead?: number; readonly cacheWrite?: number };
  /** Names a part of the prompt that the source does not show (a harness's system prompt and tools), the same for all calls that name it. */
  readonly hidden?: string;
}

/** Reads the records of one format, in file order. Keeps what it must between lines, within bounds. */
export interface FormatReader {
  /** @returns whether the record was of use: a call, a part of one, or something known that is none */
  read(record: Readonly<Record<string, unknown>>, place: LinePlace): void;
  /** The file has ended. */
  endFile?(): void;
  agentOf?(key: string): string | undefined;
}

export type EmitCall = (call: ImportedCall) => void;
