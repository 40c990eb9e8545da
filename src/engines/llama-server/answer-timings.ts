/** What a llama-server says at the end of an answer about what it computed. */
import { isObject } from '../../core/fields.ts';

export interface AnswerTimings {
  /** Prompt tokens that its slot held. */
  readonly cachedTokens: number;
  /** Prompt tokens that it computed, and in what time. */
  readonly computedTokens: number;
  readonly computedMs: number;
  readonly outputTokens: number;
}

const NAME = '"timings":';
const count = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0);

/** The last `timings` in these bytes; undefined where there is none that can be read. */
export function readTimings(tail: Buffer): AnswerTimings | undefined {
  const text = tail.toString();
  const at = text.lastIndexOf(NAME);
  if (at < 0) return undefined;
  const start = text.indexOf('{', at);
  // It holds numbers alone.
  const end = text.indexOf('}', start);
  if (start < 0 || end < 0) return undefined;
  try {
    const timings: unknown = JSON.parse(text.slice(start, end + 1));
    if (!isObject(timings) || typeof timings.prompt_n !== 'number') return undefined;
    return { cachedTokens: count(timings.cache_n), computedTokens: count(timings.prompt_n), computedMs: count(timings.prompt_ms), outputTokens: count(timings.predicted_n) };
  } catch {
    return undefined;
  }
}
