/** How a conversation becomes the model's tokens, and its tokens an answer. One per kind of model. */
import type { TenantId } from '../../../core/index.ts';
import type { ChatMessage, ChatTool } from './chat-request.ts';
import type { ToolCallText } from './forced-answer.ts';

export interface AnswerText {
  readonly text: string;
  readonly toolCalls: readonly ToolCallText[];
}

export interface RenderedPrompt {
  readonly tokens: Int32Array;
  /** Text that ends an answer besides the model's own end tokens. */
  readonly stop: readonly string[];
}

export interface ChatFormat {
  /** The prompt: system messages and tools first, then the conversation, then the invitation to answer. */
  prompt(messages: readonly ChatMessage[], tools: readonly ChatTool[], tenant: TenantId): Promise<RenderedPrompt>;
  /** The tokens that an answer is made of, with the one that ends it. */
  answer(answer: AnswerText): Promise<Int32Array>;
  /** Remembers how an answer was really decoded, so that it comes back in later prompts as the same tokens. */
  remember(tenant: TenantId, answer: AnswerText, tokens: Int32Array): void;
  /** Around a tool call in the model's output: tokens, or text. */
  readonly toolCallMarks: { readonly begin: number; readonly end: number } | undefined;
  readonly toolCallTexts?: { readonly begin: string; readonly end: string };
}
