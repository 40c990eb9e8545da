/** What became of a call: the engine's report, completed by what the tap read where the engine could not count. */
import type { CallReport, RequestStatus } from '../core/index.ts';
import type { AnswerReader } from './tap/answer-reader.ts';

export interface OutcomeSources {
  /** Absent if the engine threw or was never asked. */
  readonly report: CallReport | undefined;
  /** Whether the engine's own counts are exact; otherwise the usage in its answer counts. */
  readonly engineCounts: boolean;
  readonly reader: AnswerReader | undefined;
  /** What to say where there is no report. */
  readonly failure: RequestStatus;
  readonly estimatedPromptTokens: number;
  hash(text: string): string;
}

function statusOf({ report, reader, failure }: OutcomeSources): RequestStatus {
  if (report === undefined) return failure;
  return report.status === 'ok' && reader?.failed === true ? 'error' : report.status;
}

export function completeReport(sources: OutcomeSources): CallReport {
  const { report, reader, engineCounts, hash } = sources;
  const status = statusOf(sources);
  const counts = engineCounts && report !== undefined ? report : reader?.usage;
  const stop = report?.stop ?? reader?.stop;
  const lastText = reader?.lastText ?? '';
  const outputHash = report?.outputHash ?? (lastText === '' ? undefined : hash(lastText));
  const complete: { -readonly [Name in keyof CallReport]: CallReport[Name] } = {
    status,
    promptTokens: counts?.promptTokens ?? (status === 'ok' ? sources.estimatedPromptTokens : 0),
    cachedTokens: counts?.cachedTokens ?? 0,
    outputTokens: counts?.outputTokens ?? 0,
    tools: report !== undefined && report.tools.length > 0 ? report.tools : (reader?.toolNames ?? []),
  };
  const cacheWrites = report?.cacheWrites ?? reader?.usage?.cacheWrites;
  if (cacheWrites !== undefined) complete.cacheWrites = cacheWrites;
  if (stop !== undefined) complete.stop = stop;
  if (outputHash !== undefined) complete.outputHash = outputHash;
  if (report?.queueMs !== undefined) complete.queueMs = report.queueMs;
  if (report?.prefillMs !== undefined) complete.prefillMs = report.prefillMs;
  if (report?.notes !== undefined) complete.notes = report.notes;
  return complete;
}
