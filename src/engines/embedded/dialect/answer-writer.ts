import type { EntresolError } from '../../../core/index.ts';
import type { AnswerSink } from './answer-decoder.ts';

export interface Usage {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
}
export type FinishReason = 'stop' | 'length' | 'tool_calls';

/** Makes the bytes of an answer in one dialect, streamed or whole. */
export interface AnswerWriter extends AnswerSink {
  /** The first token has been decoded. */
  begin(): void | Promise<void>;
  /** @param matchedStop the stop string that ended it */
  end(finish: FinishReason, usage: Usage, matchedStop?: string): void | Promise<void>;
  /** Absent: nothing has gone out yet, so an error can still be the answer. */
  fail?(error: EntresolError): void;
}

export interface AnswerHeading {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
}

/** Usage as the OpenAI interface has it. */
export function usageJson(usage: Usage): object {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.promptTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens },
  };
}
