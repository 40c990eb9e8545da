/** A vLLM with the package in it, on real sockets: HTTP, KV events with replay, side channel, one block pool behind all of them. It can be made to misbehave in each. */
import { EventEmitter, once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { seededRandom } from '../../../core/index.ts';
import { startUpstream, type ReceivedRequest, type ScriptedUpstream } from '../../../../test/support/scripted-upstream.ts';
import { Publisher } from '../../kv-events/testing/publisher.ts';
import { packKeys, type Fields } from '../side-channel/messages.ts';
import { PackageStandIn } from '../side-channel/testing/package-stand-in.ts';
import { BlockPoolModel } from './block-pool-model.ts';
import { vllmScript } from './stand-in.ts';

const BLOCKS = 300;
const surface = vllmScript(1);

interface ChatBody { readonly stream?: boolean; readonly max_tokens?: number; readonly messages: readonly { readonly content: string }[]; readonly vllm_xargs?: { readonly entresol_tag?: string } }

/** The bytes that a question is answered with: odd on purpose, so that nobody could have written them anew. */
export function answerTo(question: string, stream: boolean): string {
  const usage = '{ "prompt_tokens":40,"completion_tokens":2e0 ,"prompt_tokens_details":{"cached_tokens":8}}';
  const said = JSON.stringify(`${question} \u00e9\ud83d\ude00`);
  if (!stream) return `{"id":"x" ,"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":${said}}}],\n  "usage":${usage}}\n`;
  return `data: {"id":"x","choices":[{"index":0,"delta":{"content":${said}}}]}\n\n: \n\ndata: {"id":"x","choices":[{"index":0,"finish_reason":"stop","delta":{}}] }\n\ndata: {"id":"x","choices":[],"usage":${usage}}\n\ndata: [DONE]\n\n`;
}

/** What one that stops in the middle of a stream has sent until then. */
export const halfOf = (question: string): string => answerTo(question, true).slice(0, 30);

export class HostileServer {
  readonly pool = new BlockPoolModel({ blocks: BLOCKS, random: seededRandom(3) });
  readonly events: Publisher;
  readonly package: PackageStandIn;
  readonly #http: ScriptedUpstream;
  readonly #news = new EventEmitter();
  #sequence = 0;
  /** Calls are accepted and never answered. */
  isSilent = false;
  /** Streams of questions that begin with `held`: no more than a comment comes of them with every other call, until they are let go. */
  #held: { readonly response: ServerResponse; sent: string }[] = [];

  private constructor(events: Publisher, sideChannel: PackageStandIn, http: ScriptedUpstream) {
    this.events = events;
    this.package = sideChannel;
    this.#http = http;
    http.script((request, response) => this.#answer(request, response));
  }

  static async start(): Promise<HostileServer> {
    const pool: { of?: BlockPoolModel } = {};
    const [events, sideChannel, http] = await Promise.all([
      Publisher.start(),
      PackageStandIn.start({ hello: { blockSize: 4, numGpuBlocks: BLOCKS + 1 }, answer: (message) => (message.type === 'dump' && pool.of !== undefined ? [residents(pool.of, message)] : undefined) }),
      startUpstream(surface),
    ]);
    const server = new HostileServer(events, sideChannel, http);
    pool.of = server.pool;
    return server;
  }

  get url(): string { return this.#http.url; }

  /** Resolves when a stream is held. */
  async untilHeld(): Promise<void> { if (this.#held.length === 0) await once(this.#news, 'held'); }

  /** @returns what each was answered in all */
  release(): string[] {
    return this.#held.splice(0).map(({ response, sent }) => {
      const rest = 'data: [DONE]\n\n';
      response.end(rest);
      return sent + rest;
    });
  }

  /** @param payload of a message of KV events, under the next number */
  garbage(payload: Buffer): Promise<void> { return this.events.publishPayload(payload); }

  async stop(): Promise<void> {
    this.release();
    await Promise.all([this.#http.close(), this.events.stop(), this.package.stop()]);
  }

  async #answer(request: ReceivedRequest, response: ServerResponse): Promise<void> {
    if (request.path !== '/v1/chat/completions') {
      const tag = /"entresol_tag":"([^"]+)"/.exec(request.body.toString())?.[1];
      if (tag !== undefined) await this.#report(tag, []);
      await surface(request, response);
      return;
    }
    if (this.isSilent) return;
    const { stream = false, messages, vllm_xargs: extra, max_tokens: maxTokens } = JSON.parse(request.body.toString()) as ChatBody;
    const question = messages[0].content;
    const tag = extra?.entresol_tag;
    // Warm-ups carry no tag, and what they bring is not in the pool: it is told of calls alone.
    if (tag !== undefined && maxTokens !== 1) await this.#serve(question, tag);
    const kind = question.split(' ')[0];
    if (kind === 'never') return;
    response.writeHead(200, { 'content-type': stream ? 'text/event-stream' : 'application/json', 'x-theirs': 'yes' });
    if (kind === 'error') response.end(question.slice('error '.length));
    else if (kind === 'midway') response.write(halfOf(question));
    else if (kind === 'held') {
      const held = { response, sent: '' };
      this.#held.push(held);
      write(held, answerTo(question, true).replace('data: [DONE]\n\n', ''));
      this.#news.emit('held');
    } else {
      for (const held of this.#held) write(held, `: ${question}\n\n`);
      response.end(answerTo(question, stream));
    }
  }

  async #serve(question: string, tag: string): Promise<void> {
    const [who, turn] = [question.length, Number(/\d+$/.exec(question)?.[0] ?? 0)];
    const keys = this.pool.serve([1, 2, 3, who, ...Array.from({ length: 8 }, (_, index) => who * 1000 + (turn % 50) * 10 + index)]);
    await this.events.publish(this.pool.takeEvents());
    await this.#report(tag, keys);
  }

  #report(tag: string, keys: readonly bigint[]): Promise<void> {
    const touch = { kind: 'touch', sequence: ++this.#sequence, request: tag, tag, promptTokens: 4 * keys.length, cachedTokens: 8, externalTokens: 0, prompt: packKeys(keys) };
    return this.package.send({ type: 'touches', events: [touch, { kind: 'done', sequence: ++this.#sequence, request: tag, tag, aborted: false, outputTokens: 1, output: Buffer.alloc(0) }] });
  }
}

function write(held: { readonly response: ServerResponse; sent: string }, text: string): void {
  held.response.write(text);
  held.sent += text;
}

function residents(pool: BlockPoolModel, { id }: Fields): Fields {
  const held = [...pool.held()];
  return { type: 'residents', id, parts: 1, group: 0, medium: 'GPU', pendingEvents: 0, keys: packKeys(held.map(([key]) => key)), copies: Buffer.from(held.map(([, copies]) => copies)) };
}
