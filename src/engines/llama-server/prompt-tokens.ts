/**
 * The tokens of a client's prompt, so that what slots hold can be compared with it: by the server's own template and
 * tokeniser, or, where it has none for a request (images, strange fields), by the request's text.
 */
import type { EngineCall } from '../../core/index.ts';
import { isObject, type JsonObject } from '../../core/fields.ts';
import type { ServerApi } from './server-api.ts';

/** About what a token is long. */
const OPAQUE_CHARACTERS = 4;

type Call = Pick<EngineCall, 'dialect' | 'parsed'>;

export class PromptTokens {
  readonly #api: ServerApi;
  readonly #contextTokens: number;
  readonly #exact: boolean;
  /** A request is read once, whether it is first inspected or served at once. */
  readonly #known = new WeakMap<object, Promise<Int32Array>>();

  constructor(api: ServerApi, { contextTokens, exact }: { readonly contextTokens: number; readonly exact: boolean }) {
    this.#api = api;
    this.#contextTokens = contextTokens;
    this.#exact = exact;
  }

  /** Never rejects: a request that the server refuses to read is judged by the server when it comes. */
  of(call: Call): Promise<Int32Array> {
    const { parsed } = call;
    if (!isObject(parsed)) return Promise.resolve(opaqueTokens('', this.#contextTokens));
    const known = this.#known.get(parsed);
    if (known !== undefined) return known;
    const tokens = this.#read(call).catch(() => undefined).then((read) => (
      read === undefined || read.length === 0 ? opaqueTokens(textOf(parsed), this.#contextTokens) : read));
    this.#known.set(parsed, tokens);
    return tokens;
  }

  async #read({ dialect, parsed }: Call): Promise<Int32Array | undefined> {
    if (!this.#exact || !isObject(parsed)) return undefined;
    if (dialect === 'chat') return this.#api.tokenise(await this.#api.applyTemplate(parsed));
    const { prompt } = parsed;
    if (typeof prompt === 'string') return this.#api.tokenise(prompt);
    return Array.isArray(prompt) && prompt.every((token) => Number.isSafeInteger(token) && (token as number) >= 0) ? Int32Array.from(prompt as number[]) : undefined;
  }
}

/** In the order in which templates put it. */
function textOf({ tools, messages, prompt }: JsonObject): string {
  return `${tools === undefined ? '' : JSON.stringify(tools)}${JSON.stringify(messages ?? prompt ?? '')}`;
}

/** They stand for text: prompts that begin alike have equal ones at their beginning, and no token is among them. */
export function opaqueTokens(text: string, contextTokens: number): Int32Array {
  const count = Math.max(1, Math.min(contextTokens - 1, Math.ceil(text.length / OPAQUE_CHARACTERS)));
  const tokens = new Int32Array(count);
  for (let index = 0; index < count; index++) {
    let hash = 0x811c9dc5;
    for (let at = index * OPAQUE_CHARACTERS; at < Math.min(text.length, (index + 1) * OPAQUE_CHARACTERS); at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    tokens[index] = hash | 0x80000000;
  }
  return tokens;
}

export function isOpaque(tokens: Int32Array): boolean {
  return tokens.length > 0 && tokens[0] < 0;
}
