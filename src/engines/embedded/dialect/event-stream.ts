import type { Answer, EntresolError } from '../../../core/index.ts';

const HEADERS = ['content-type', 'text/event-stream; charset=utf-8', 'cache-control', 'no-cache'];

/** Server-sent events as the OpenAI interface has them: one JSON document each, then `[DONE]`. */
export class EventStream {
  readonly #answer: Answer;

  constructor(answer: Answer) {
    this.#answer = answer;
  }

  open(): void {
    this.#answer.head(200, HEADERS);
  }

  send(document: object): void | Promise<void> {
    return this.#answer.write(Buffer.from(`data: ${JSON.stringify(document)}\n\n`));
  }

  /** Why nothing more comes. It does not end the stream: whoever sent it cuts the connection. */
  fail({ message, mend, code }: EntresolError): void {
    void this.send({ error: { message: `${message} ${mend}`, type: 'server_error', param: null, code } });
  }

  close(): void {
    void this.#answer.write(Buffer.from('data: [DONE]\n\n'));
    this.#answer.end();
  }
}

/** An answer in one piece. */
export function sendJson(answer: Answer, document: object): void {
  const bytes = Buffer.from(JSON.stringify(document));
  answer.head(200, ['content-type', 'application/json; charset=utf-8', 'content-length', String(bytes.length)]);
  void answer.write(bytes);
  answer.end();
}
