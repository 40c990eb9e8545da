/** What the end of vLLM's answer tells of a call. */
import type { CallReport } from '../../core/index.ts';
import type { AnswerEnd } from '../upstream/adapter.ts';

const numberAfter = (text: string, name: string): number | undefined => {
  const found = new RegExp(`"${name}":\\s*([0-9.eE+-]+)`).exec(text)?.[1];
  const value = Number(found ?? Number.NaN);
  return Number.isFinite(value) ? value : undefined;
};

/** Within an answer's text quotation marks are escaped: the last such name is that of the server's own member. */
function usageIn(text: string): Partial<CallReport> {
  const at = text.lastIndexOf('"usage":');
  const usage = at < 0 ? '' : text.slice(at);
  const promptTokens = numberAfter(usage, 'prompt_tokens') ?? numberAfter(usage, 'input_tokens');
  const cachedTokens = numberAfter(usage, 'cached_tokens') ?? numberAfter(usage, 'cache_read_input_tokens');
  return { ...(promptTokens === undefined ? {} : { promptTokens }), ...(cachedTokens === undefined ? {} : { cachedTokens }) };
}

export function readAnswerEnd({ tail }: AnswerEnd): Partial<CallReport> {
  const text = tail.toString('utf8');
  const usage = usageIn(text);
  const at = text.lastIndexOf('"metrics":');
  if (at < 0) return usage;
  const metrics = text.slice(at);
  const queueMs = numberAfter(metrics, 'queue_time_ms');
  const firstMs = numberAfter(metrics, 'time_to_first_token_ms');
  return {
    ...usage,
    ...(queueMs === undefined ? {} : { queueMs }),
    ...(firstMs === undefined ? {} : { prefillMs: Math.max(0, firstMs - (queueMs ?? 0)) }),
  };
}
