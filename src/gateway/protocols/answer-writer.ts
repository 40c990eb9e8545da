/** How the answer of a chat completion is written in another dialect. */
import type { Usage } from '../tap/answer-reader.ts';
import type { Block, BlockListener } from './answer-blocks.ts';
import type { EngineError } from './chat/answer-reader.ts';

/** How an answer ended. */
export interface AnswerOutcome {
  /** The finish reason, in the words of chat completions; absent where the server gave none. */
  readonly finish: string | undefined;
  readonly matchedStop: string | undefined;
  readonly usage: Usage;
  readonly reasoningTokens: number;
  readonly model: string;
}

export interface AnswerWriter extends BlockListener {
  /** The opening events of a stream. */
  begin(model: string): void;
  end(blocks: readonly Block[], outcome: AnswerOutcome): void;
  /** The engine failed within its stream. */
  fail(error: EngineError): void;
  /** What has been written since the last time. */
  take(): string;
  /** The answer in one piece. */
  document(blocks: readonly Block[], outcome: AnswerOutcome): object;
  /** An answer that is an error. */
  errorDocument(status: number, error: EngineError): object;
}

export interface StreamEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Server-sent events that carry their type twice, as both dialects do. */
export class EventBuffer {
  private text = '';

  add(event: StreamEvent): void {
    this.text += `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
  }

  take(): string {
    const { text } = this;
    this.text = '';
    return text;
  }
}
