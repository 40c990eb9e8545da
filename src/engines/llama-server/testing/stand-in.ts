/**
 * A stand-in for llama-server where none is built: its protocol, its slots and what they reuse, true to the source; no model.
 * What it answers depends on all that its slot holds, so that a wrong state shows in the text.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StandInSlot, tokensOf } from './stand-in-slot.ts';

export interface StandInOptions {
  readonly slots?: number;
  readonly contextTokens?: number;
  /** `--slots`. Default true. */
  readonly showsSlots?: boolean;
  /** `--slot-save-path`. Default true. */
  readonly savesSlots?: boolean;
  /** Default true. */
  readonly tellsTimings?: boolean;
  /** As on its disk, which others may write to too: they outlive a restart. */
  readonly files?: Map<string, Int32Array<ArrayBuffer>>;
}

/** What it does wrong on a path, until told otherwise: nothing at all, an error with status 200, garbage, a refusal, what a router of models says. */
export type Fault = 'hang' | 'error-200' | 'garbage' | 'refuse' | 'router';

interface Body { readonly [name: string]: unknown }

const BYTES_PER_TOKEN = 1024;
const HEAD_BYTES = 64;

export class StandInServer {
  readonly requests: { readonly path: string; readonly body: Body; readonly text: string; readonly socket: number }[] = [];
  readonly files: Map<string, Int32Array<ArrayBuffer>>;
  readonly #options: Required<StandInOptions>;
  readonly #faults = new Map<string, Fault>();
  #slots: StandInSlot[] = [];
  #weights = 1;
  #tasks = 0;
  #sockets = 0;
  #server: Server | undefined;
  #port = 0;
  #held: (() => void)[] | undefined;

  constructor(options: StandInOptions = {}) {
    this.#options = { slots: 2, contextTokens: 256, showsSlots: true, savesSlots: true, tellsTimings: true, files: new Map(), ...options };
    this.files = this.#options.files;
    this.#clear();
  }

  get url(): string { return `http://127.0.0.1:${this.#port}`; }
  get slots(): readonly StandInSlot[] { return this.#slots; }

  async start(): Promise<void> {
    this.#clear();
    const server = createServer((request, response) => { void this.#serve(request, response); });
    // Announced, as by the real one, and not kept after a stream.
    server.keepAliveTimeout = 5000;
    server.on('connection', (socket) => { Object.assign(socket, { number: ++this.#sockets }); });
    await new Promise<void>((resolve) => { server.listen(this.#port, '127.0.0.1', resolve); });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async stop(): Promise<void> {
    this.release();
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    await new Promise<void>((resolve) => {
      server.close(() => { resolve(); });
      server.closeAllConnections();
    });
  }

  /** @param weights of another model under the same name, if given */
  async restart(weights = this.#weights): Promise<void> {
    await this.stop();
    this.#weights = weights;
    await this.start();
  }

  fault(path: string, fault: Fault | undefined): void {
    if (fault === undefined) this.#faults.delete(path);
    else this.#faults.set(path, fault);
  }

  /** Answers wait after their first piece until `release`. */
  hold(): void { this.#held ??= []; }
  get heldAnswers(): number { return this.#held?.length ?? 0; }
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const go of held) go();
  }

  #clear(): void {
    this.#slots = Array.from({ length: this.#options.slots }, () => new StandInSlot());
    this.#tasks = 0;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    await this.answer({ path: request.url ?? '/', body: Buffer.concat(parts), socket: (request.socket as unknown as { number: number }).number }, response);
  }

  /** For a server of another's making. @param socket its connection's number */
  async answer({ path, body: bytes, socket = 0 }: { readonly path: string; readonly body: Buffer; readonly socket?: number }, response: ServerResponse): Promise<void> {
    const url = new URL(path, this.url);
    const text = bytes.toString();
    let body: Body;
    try {
      body = text === '' ? {} : JSON.parse(text) as Body;
    } catch {
      send(response, 400, { error: { code: 400, message: 'parse error', type: 'invalid_request_error' } });
      return;
    }
    this.requests.push({ path: url.pathname + url.search, body, text, socket });
    const fault = this.#faults.get(url.pathname);
    if (fault === 'hang') return;
    if (fault === 'error-200') send(response, 200, { error: { code: 500, message: 'out of order', type: 'server_error' } });
    else if (fault === 'garbage') response.writeHead(200, { 'content-type': 'application/json' }).end('{"tokens": [1, 2');
    else if (fault === 'router') send(response, 200, { role: 'router', max_instances: 4 });
    else if (fault === 'refuse') send(response, 500, { error: { code: 500, message: 'out of order', type: 'server_error' } });
    else await this.#answer(url, body, response);
  }

  async #answer(url: URL, body: Body, response: ServerResponse): Promise<void> {
    const { slots, contextTokens, showsSlots, savesSlots } = this.#options;
    const action = /^\/slots\/(\d+)$/.exec(url.pathname);
    if (action !== null) {
      if (savesSlots) await this.#act(this.#slots[Number(action[1]) % slots], url.searchParams.get('action'), String(body.filename), response);
      else refuse(response, 501, 'This server does not support slots action. Start it with `--slot-save-path`');
      return;
    }
    switch (url.pathname) {
      case '/health': send(response, 200, { status: 'ok' }); return;
      case '/props': send(response, 200, { default_generation_settings: { n_ctx: contextTokens }, total_slots: slots, model_alias: 'stand-in', model_path: '/models/stand-in.gguf', build_info: 'stand-in', endpoint_slots: showsSlots }); return;
      case '/v1/models': send(response, 200, { object: 'list', data: [{ id: 'stand-in', object: 'model', meta: { n_params: 1 } }] }); return;
      case '/slots':
        if (showsSlots) send(response, 200, this.#slots.map((slot, id) => slot.shown(id, contextTokens)));
        else refuse(response, 501, 'This server does not support slots endpoint. Start it with `--slots`');
        return;
      case '/apply-template':
        if (Array.isArray(body.messages)) send(response, 200, { prompt: templated(body) });
        else refuse(response, 400, '\'messages\' is required');
        return;
      case '/tokenize': send(response, 200, { tokens: Array.from(tokensOf(String(body.content))) }); return;
      case '/completion':
      case '/v1/completions': await this.#complete(body, body.prompt, url.pathname === '/completion' ? 'native' : 'text', response); return;
      case '/v1/chat/completions':
        if (Array.isArray(body.messages)) await this.#complete(body, templated(body), 'chat', response);
        else refuse(response, 400, '\'messages\' is required');
        return;
      default: refuse(response, 404, 'File Not Found');
    }
  }

  async #act(slot: StandInSlot, action: string | null, filename: string, response: ServerResponse): Promise<void> {
    if (action !== 'save' && action !== 'restore' && action !== 'erase') {
      refuse(response, 400, 'Invalid action');
      return;
    }
    await slot.take();
    if (action === 'save') {
      this.files.set(filename, slot.tokens);
      send(response, 200, { filename, n_saved: slot.tokens.length, n_written: HEAD_BYTES + slot.tokens.length * BYTES_PER_TOKEN });
    } else if (action === 'erase') {
      send(response, 200, { n_erased: slot.tokens.length });
      slot.tokens = new Int32Array(0);
    } else {
      const file = this.files.get(filename);
      slot.tokens = file ?? new Int32Array(0);
      if (file === undefined) refuse(response, 400, 'Unable to restore slot: No available space in KV cache or invalid slot save file');
      else send(response, 200, { filename, n_restored: file.length, n_read: HEAD_BYTES + file.length * BYTES_PER_TOKEN });
    }
    slot.give();
  }

  async #complete(body: Body, prompt: unknown, form: 'native' | 'text' | 'chat', response: ServerResponse): Promise<void> {
    const tokens = Array.isArray(prompt) ? Int32Array.from(prompt as number[]) : tokensOf(String(prompt));
    if (tokens.length >= this.#options.contextTokens) {
      refuse(response, 400, `request (${tokens.length} tokens) exceeds the available context size (${this.#options.contextTokens} tokens)`);
      return;
    }
    const asked = typeof body.id_slot === 'number' && body.id_slot >= 0 ? body.id_slot % this.#slots.length : undefined;
    const slot = asked === undefined ? this.#slots.find((candidate) => !candidate.processing) ?? this.#slots[0] : this.#slots[asked];
    await slot.take();
    const gone = new Promise<void>((resolve) => { response.once('close', resolve); });
    const limit = [body.n_predict, body.max_tokens, body.max_completion_tokens].find((value) => typeof value === 'number') as number | undefined;
    const run = slot.run(tokens, { task: this.#tasks++, reuses: body.cache_prompt !== false, output: limit ?? 4, weights: this.#weights });
    const { pieces } = run;
    const timings = this.#options.tellsTimings ? run.timings : undefined;
    const usage = { prompt_tokens: tokens.length, completion_tokens: pieces.length, total_tokens: tokens.length + pieces.length, prompt_tokens_details: { cached_tokens: run.timings.cache_n } };
    const pause = async (): Promise<void> => {
      if (this.#held === undefined) return;
      const held = this.#held;
      await Promise.race([gone, new Promise<void>((resolve) => { held.push(resolve); })]);
    };
    if (body.stream === true) {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'keep-alive': 'timeout=5, max=100', connection: 'keep-alive' });
      for (const [at, piece] of pieces.entries()) {
        if (!response.destroyed) response.write(`data: ${JSON.stringify(form === 'chat' ? { choices: [{ index: 0, delta: { content: piece }, finish_reason: null }] } : { choices: [{ index: 0, text: piece }] })}\n\n`);
        if (at === 0) await pause();
      }
      if (response.destroyed) slot.cut();
      else {
        const last = { choices: form === 'chat' ? [{ index: 0, delta: {}, finish_reason: 'stop' }] : [{ index: 0, text: '', finish_reason: 'stop' }], timings };
        response.write(`data: ${JSON.stringify(last)}\n\ndata: [DONE]\n\n`);
        // As the real one does, whatever it has announced.
        const { socket } = response;
        response.end(() => { socket?.end(); });
      }
    } else {
      slot.decoded = 1;
      await pause();
      const text = pieces.join('');
      if (form === 'native') {
        send(response, 200, { content: text, ...(body.n_probs === undefined ? {} : { completion_probabilities: [{ token: pieces[0], logprob: -0.5 * this.#weights }] }), timings });
      } else {
        const choice = form === 'chat' ? { index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' } : { index: 0, text, finish_reason: 'stop' };
        send(response, 200, { choices: [choice], object: form === 'chat' ? 'chat.completion' : 'text_completion', usage, id: 'cmpl', timings });
      }
    }
    slot.give();
  }
}

function templated(body: Body): string {
  const messages = body.messages as readonly { role?: unknown; content?: unknown }[];
  const tools = body.tools === undefined ? '' : `tools ${JSON.stringify(body.tools)} `;
  return `${tools}${messages.map(({ role, content }) => `<${String(role)}> ${typeof content === 'string' ? content : JSON.stringify(content)}`).join(' ')} <assistant>`;
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (!response.destroyed) response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}

function refuse(response: ServerResponse, status: number, message: string): void {
  send(response, status, { error: { code: status, message, type: status === 501 ? 'not_supported_error' : 'invalid_request_error' } });
}
