/**
 * The chat format of a real model: its own template, rendered by node-llama-cpp in the engine's process. A prompt is
 * rendered and tokenised whole, so a turn costs all of its text here. One prompt is a prefix of the next as far as
 * the template leaves earlier messages alone (some strip earlier reasoning).
 */
import type { TenantId } from '../../core/index.ts';
import type { AnswerText, ChatFormat, RenderedPrompt } from './dialect/chat-format.ts';
import type { ChatMessage, ChatTool } from './dialect/chat-request.ts';
import { toolCallJson } from './dialect/marked-format.ts';
import type { LlamaTokenEngine } from './llama-token-engine.ts';

/** Text between which many models write their calls; other syntaxes come out as text. */
const CALL = { begin: '<tool_call>', end: '</tool_call>' };

export class TemplateFormat implements ChatFormat {
  readonly toolCallMarks = undefined;
  readonly toolCallTexts = CALL;
  readonly #engine: LlamaTokenEngine;

  constructor(engine: LlamaTokenEngine) {
    this.#engine = engine;
  }

  prompt(messages: readonly ChatMessage[], tools: readonly ChatTool[], _tenant: TenantId): Promise<RenderedPrompt> {
    return this.#engine.render(messages, tools);
  }

  async answer(answer: AnswerText): Promise<Int32Array> {
    const text = [answer.text, ...answer.toolCalls.map((call) => `${CALL.begin}\n${toolCallJson(call)}\n${CALL.end}`)].join('');
    return Int32Array.from([...(await this.#engine.tokenise(text)), ...this.#engine.facts.endOfGenerationTokens.slice(0, 1)]);
  }

  /** Nothing: the template is given text. */
  remember(): void { /* see above */ }
}
