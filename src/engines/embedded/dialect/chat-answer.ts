/** Chat completion answers, byte for byte as OpenAI's clients expect them. */
import { randomBytes } from 'node:crypto';
import type { Answer, EntresolError } from '../../../core/index.ts';
import { usageJson, type AnswerHeading, type AnswerWriter, type FinishReason, type Usage } from './answer-writer.ts';
import { EventStream, sendJson } from './event-stream.ts';

export function newToolCallId(): string {
  return `call_${randomBytes(12).toString('hex')}`;
}

/** Which stop string ended an answer, under the name that vLLM and SGLang have for it. */
function stopReason(matchedStop: string | undefined): object {
  return matchedStop === undefined ? {} : { stop_reason: matchedStop };
}

export class StreamedChatAnswer implements AnswerWriter {
  readonly #stream: EventStream;
  readonly #heading: object;
  readonly #includeUsage: boolean;

  constructor(answer: Answer, heading: AnswerHeading, includeUsage: boolean) {
    this.#stream = new EventStream(answer);
    this.#heading = { id: heading.id, object: 'chat.completion.chunk', created: heading.created, model: heading.model };
    this.#includeUsage = includeUsage;
  }

  begin(): void | Promise<void> {
    this.#stream.open();
    return this.#delta({ role: 'assistant', content: '' });
  }

  text(delta: string): void | Promise<void> {
    return this.#delta({ content: delta });
  }

  toolCallBegin(index: number, name: string): void | Promise<void> {
    return this.#delta({ tool_calls: [{ index, id: newToolCallId(), type: 'function', function: { name, arguments: '' } }] });
  }

  toolCallArguments(index: number, delta: string): void | Promise<void> {
    return this.#delta({ tool_calls: [{ index, function: { arguments: delta } }] });
  }

  async end(finish: FinishReason, usage: Usage, matchedStop?: string): Promise<void> {
    await this.#delta({}, finish, matchedStop);
    if (this.#includeUsage) await this.#stream.send({ ...this.#heading, choices: [], usage: usageJson(usage) });
    this.#stream.close();
  }

  fail(error: EntresolError): void { this.#stream.fail(error); }

  #delta(delta: object, finish: FinishReason | null = null, matchedStop?: string): void | Promise<void> {
    return this.#stream.send({
      ...this.#heading,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish, ...stopReason(matchedStop) }],
      ...(this.#includeUsage ? { usage: null } : {}),
    });
  }
}

export class WholeChatAnswer implements AnswerWriter {
  readonly #answer: Answer;
  readonly #heading: AnswerHeading;
  #text = '';
  readonly #toolCalls: { id: string; type: 'function'; function: { name: string; arguments: string } }[] = [];

  constructor(answer: Answer, heading: AnswerHeading) {
    this.#answer = answer;
    this.#heading = heading;
  }

  begin(): void { /* The head goes out with the body. */ }

  text(delta: string): void {
    this.#text += delta;
  }

  toolCallBegin(_index: number, name: string): void {
    this.#toolCalls.push({ id: newToolCallId(), type: 'function', function: { name, arguments: '' } });
  }

  toolCallArguments(index: number, delta: string): void {
    this.#toolCalls[index].function.arguments += delta;
  }

  end(finish: FinishReason, usage: Usage, matchedStop?: string): void {
    const called = this.#toolCalls.length > 0;
    sendJson(this.#answer, {
      id: this.#heading.id, object: 'chat.completion', created: this.#heading.created, model: this.#heading.model,
      choices: [{
        index: 0,
        message: {
          role: 'assistant', content: called && this.#text === '' ? null : this.#text, refusal: null,
          ...(called ? { tool_calls: this.#toolCalls } : {}),
        },
        logprobs: null,
        finish_reason: finish,
        ...stopReason(matchedStop),
      }],
      usage: usageJson(usage),
    });
  }
}
