/** What the end of vLLM's answer tells of a call. */
import type { CallReport } from '../../core/index.ts';
import type { AnswerEnd } from '../upstream/adapter.ts';

const numberAfter = (text: string, name: string): number | undefined => {
  const found = new RegExp(`"${name}":\\s*([0-9.eE+-]+)`).exec(text)?.[1];
  const value = Number(found ?? Number.NaN);
  return Number.isFinite(value) ? value : undefined;
};

export function readAnswerEnd({ tail }: AnswerEnd): Partial<CallReport> {
  const text = tail.toString('utf8');
  const at = text.lastIndexOf('"metrics":');
  if (at < 0) return {};
  const metrics = text.slice(at);
  const queueMs = numberAfter(metrics, 'queue_time_ms');
  const firstMs = numberAfter(metrics, 'time_to_first_token_ms');
  return {
    ...(queueMs === undefined ? {} : { queueMs }),
    ...(firstMs === undefined ? {} : { prefillMs: Math.max(0, firstMs - (queueMs ?? 0)) }),
  };
}
