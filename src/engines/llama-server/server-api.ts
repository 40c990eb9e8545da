/** What is asked of a llama-server beside clients' calls. Every answer is checked: a server may say 200 and mean an error. */
import { EntresolError } from '../../core/index.ts';
import { isObject, type JsonObject } from '../../core/fields.ts';
import type { UpstreamServer } from '../upstream/adapter.ts';

export interface SlotFacts {
  readonly id: number;
  /** Of the last task that it had; absent: none since the server's start. */
  readonly task: number | undefined;
  readonly processing: boolean;
  /** Tokens decoded for its task. */
  readonly decoded: number;
}

export interface StateFile {
  readonly tokens: number;
  readonly bytes: number;
}

/** The server answered, and refuses, or says what cannot be understood. */
export class RefusedError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const STATE_TIMEOUT_MS = 30_000;
/** A prompt may wait for others and take minutes on a small machine. */
const COMPUTE_TIMEOUT_MS = 300_000;
const TEXT_TIMEOUT_MS = 5000;
/** A token is up to eight characters in a list. */
const LONG_ANSWER_BYTES = 64 * 1024 * 1024;

const wholeNumber = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

export class ServerApi {
  readonly #server: UpstreamServer;

  constructor(server: UpstreamServer) {
    this.#server = server;
  }

  async props(): Promise<JsonObject> { return this.#object(await this.#ask('/props'), '/props'); }
  async models(): Promise<JsonObject> { return this.#object(await this.#ask('/v1/models'), '/v1/models'); }

  /** Rejects while it loads its model, or does not answer. */
  async health(): Promise<void> {
    const { status } = await this.#server.ask('/health');
    if (status >= 500) throw new RefusedError(status, `it answers /health with ${status}`);
  }

  async slots(): Promise<SlotFacts[]> {
    const answer = await this.#ask('/slots');
    if (!Array.isArray(answer)) throw this.#strange('/slots', 'no list');
    return answer.map((entry: unknown) => {
      const slot = this.#object(entry, '/slots');
      if (!wholeNumber(slot.id)) throw this.#strange('/slots', 'a slot without an id');
      const [next] = Array.isArray(slot.next_token) ? slot.next_token as unknown[] : [slot.next_token];
      const decoded = isObject(next) && wholeNumber(next.n_decoded) ? next.n_decoded : 0;
      return { id: slot.id, task: typeof slot.id_task === 'number' && slot.id_task >= 0 ? slot.id_task : undefined, processing: slot.is_processing === true, decoded };
    });
  }

  /** Whether slots can be saved: an action that does not exist is refused as such only where actions are allowed. */
  async allowsSlotActions(): Promise<boolean> {
    try {
      await this.#ask('/slots/0?action=none', {});
      return false;
    } catch (error) {
      if (error instanceof RefusedError) return error.status === 400;
      throw error;
    }
  }

  async save(slot: number, filename: string): Promise<StateFile> {
    return this.#stateFile(`/slots/${slot}?action=save`, filename, 'n_saved', 'n_written');
  }

  /** The slot is empty if it is refused. */
  async restore(slot: number, filename: string): Promise<StateFile> {
    return this.#stateFile(`/slots/${slot}?action=restore`, filename, 'n_restored', 'n_read');
  }

  /** Leaves exactly these tokens in the slot; what it holds of them already is not computed again, but for the last one. */
  async compute(slot: number, tokens: Int32Array, signal?: AbortSignal): Promise<void> {
    const asked = this.#ask('/completion', { prompt: Array.from(tokens), id_slot: slot, n_predict: 0, cache_prompt: true }, COMPUTE_TIMEOUT_MS);
    if (signal === undefined) {
      await asked;
      return;
    }
    // Nobody waits any more; what is computed is computed.
    await Promise.race([asked, new Promise<never>((_, reject) => {
      if (signal.aborted) reject(new EntresolError('ENT_CANCELLED', 'The call was given up.'));
      signal.addEventListener('abort', () => { reject(new EntresolError('ENT_CANCELLED', 'The call was given up.')); }, { once: true });
    })]);
  }

  /** Log-probabilities of what follows a fixed prompt: what tells one model's weights from another's. */
  async sample(slot: number, prompt: string): Promise<unknown> {
    const answer = this.#object(await this.#ask('/completion', { prompt, id_slot: slot, n_predict: 1, cache_prompt: false, temperature: 0, n_probs: 8, seed: 1 }, STATE_TIMEOUT_MS), '/completion');
    const [first] = Array.isArray(answer.completion_probabilities) ? answer.completion_probabilities as unknown[] : [];
    return first;
  }

  /** A chat request as the text that the model gets. */
  async applyTemplate(body: unknown): Promise<string> {
    const { prompt } = this.#object(await this.#ask('/apply-template', body, TEXT_TIMEOUT_MS), '/apply-template');
    if (typeof prompt !== 'string') throw this.#strange('/apply-template', 'no prompt');
    return prompt;
  }

  async tokenise(content: string): Promise<Int32Array> {
    const { tokens } = this.#object(await this.#ask('/tokenize', { content, add_special: true, parse_special: true }, TEXT_TIMEOUT_MS), '/tokenize');
    if (!Array.isArray(tokens) || !tokens.every(wholeNumber)) throw this.#strange('/tokenize', 'no list of tokens');
    return Int32Array.from(tokens);
  }

  async #stateFile(path: string, filename: string, tokens: string, bytes: string): Promise<StateFile> {
    const answer = this.#object(await this.#ask(path, { filename }, STATE_TIMEOUT_MS), path);
    if (!wholeNumber(answer[tokens]) || !wholeNumber(answer[bytes])) throw this.#strange(path, `no ${tokens}`);
    return { tokens: answer[tokens], bytes: answer[bytes] };
  }

  async #ask(path: string, body?: unknown, timeoutMs?: number): Promise<unknown> {
    const answer = await this.#server.ask(path, { ...(body === undefined ? {} : { body }), ...(timeoutMs === undefined ? {} : { timeoutMs }), maximumBytes: LONG_ANSWER_BYTES });
    const text = answer.body.toString();
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      throw answer.status === 200 ? this.#strange(path, 'no JSON') : new RefusedError(answer.status, `it answers ${path} with ${answer.status}`);
    }
    const error = isObject(parsed) ? parsed.error : undefined;
    if (answer.status === 200 && error === undefined) return parsed;
    throw new RefusedError(answer.status, isObject(error) && typeof error.message === 'string' ? error.message.slice(0, 300) : `it answers ${path} with ${answer.status}`);
  }

  #object(value: unknown, path: string): JsonObject {
    if (!isObject(value)) throw this.#strange(path, 'no object');
    return value;
  }

  #strange(path: string, what: string): RefusedError {
    const [name] = path.split('?');
    this.#server.host.trouble('strange-answer', `${name}: ${what}`);
    return new RefusedError(200, `it answers ${name} with ${what}`);
  }
}
