/**
 * What Claude Code says of the tools that it has run since its last call: `Bash=742;Read=9`, in milliseconds, names
 * percent-encoded, waits for a person's permission left out. Nothing else tells how long a tool itself took.
 */
import { toolCallId, type RequestView } from '../core/index.ts';
import type { CallRuntime } from './runtime-port.ts';

export const TOLD_DURATIONS = 'x-claude-code-prev-tool-durations';

const MAXIMUM_BYTES = 4096;
const MAXIMUM_TOOLS = 32;
const ENTRY = /^([^=;]{1,384})=(\d{1,12}(?:\.\d{1,6})?)$/;

export interface ToldDuration {
  readonly name: string;
  readonly durationMs: number;
}

/** Tells of the tools that ended before this call; of a session that is not known nothing is to be learned yet. */
export function observeToldDurations(runtime: Pick<CallRuntime, 'nextStep' | 'observe'>, headers: ReadonlyMap<string, string>, { by, arrivedAtMs }: Pick<RequestView, 'by' | 'arrivedAtMs'>): void {
  const told = headers.get(TOLD_DURATIONS);
  if (told === undefined || runtime.nextStep(by) === 0) return;
  for (const { name, durationMs } of toldDurations(told)) runtime.observe({ type: 'tool-end', atMs: arrivedAtMs, by, toolCall: toolCallId(''), name, durationMs });
}

/** Entries that cannot be read are left out: it is a hint. */
export function toldDurations(header: string): ToldDuration[] {
  if (header.length > MAXIMUM_BYTES) return [];
  return header.split(';', MAXIMUM_TOOLS).flatMap((entry) => {
    const [, encoded, durationMs] = ENTRY.exec(entry.trim()) ?? [];
    const name = encoded === undefined ? '' : decoded(encoded);
    return name === '' ? [] : [{ name, durationMs: Number(durationMs) }];
  });
}

function decoded(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch (error) {
    if (error instanceof URIError) return '';
    throw error;
  }
}
