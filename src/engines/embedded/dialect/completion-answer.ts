/** Completion answers (the older, plain-text dialect) in OpenAI's shape. */
import type { Answer, EntresolError } from '../../../core/index.ts';
import { usageJson, type AnswerHeading, type AnswerWriter, type FinishReason, type Usage } from './answer-writer.ts';
import { EventStream, sendJson } from './event-stream.ts';

/** This dialect knows no tool calls; none are offered, so none come. */
abstract class CompletionAnswer {
  toolCallBegin(): void { /* see above */ }
  toolCallArguments(): void { /* see above */ }
}

function choice(text: string, finish: FinishReason | null): object {
  return { index: 0, text, logprobs: null, finish_reason: finish };
}

export class StreamedCompletionAnswer extends CompletionAnswer implements AnswerWriter {
  readonly #stream: EventStream;
  readonly #heading: object;
  readonly #includeUsage: boolean;

  constructor(answer: Answer, heading: AnswerHeading, includeUsage: boolean) {
    super();
    this.#stream = new EventStream(answer);
    this.#heading = { id: heading.id, object: 'text_completion', created: heading.created, model: heading.model };
    this.#includeUsage = includeUsage;
  }

  begin(): void {
    this.#stream.open();
  }

  text(delta: string): void | Promise<void> {
    return this.#send(choice(delta, null));
  }

  async end(finish: FinishReason, usage: Usage): Promise<void> {
    await this.#send(choice('', finish));
    if (this.#includeUsage) await this.#stream.send({ ...this.#heading, choices: [], usage: usageJson(usage) });
    this.#stream.close();
  }

  fail(error: EntresolError): void { this.#stream.fail(error); }

  #send(only: object): void | Promise<void> {
    return this.#stream.send({ ...this.#heading, choices: [only], ...(this.#includeUsage ? { usage: null } : {}) });
  }
}

export class WholeCompletionAnswer extends CompletionAnswer implements AnswerWriter {
  readonly #answer: Answer;
  readonly #heading: AnswerHeading;
  #text = '';

  constructor(answer: Answer, heading: AnswerHeading) {
    super();
    this.#answer = answer;
    this.#heading = heading;
  }

  begin(): void { /* The head goes out with the body. */ }

  text(delta: string): void {
    this.#text += delta;
  }

  end(finish: FinishReason, usage: Usage): void {
    sendJson(this.#answer, {
      id: this.#heading.id, object: 'text_completion', created: this.#heading.created, model: this.#heading.model,
      choices: [choice(this.#text, finish)],
      usage: usageJson(usage),
    });
  }
}
