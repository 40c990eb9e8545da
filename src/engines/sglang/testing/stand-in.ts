/**
 * A stand-in for SGLang, whose real server needs an accelerator: the routes and fields that the adapter uses, as its
 * documentation and the public logs of its servers show them (0.5.2x), and a small radix cache that evicts by its rules
 * (leaves only; open sessions last where it prefers them; then by priority, then by last use). Text is its own token.
 */
import { speak, type Script } from '../../../../test/support/scripted-upstream.ts';

/** The part of `GET /server_info` that tells something here; the real one has some 400 members. */
export interface StandInArguments {
  readonly radix_eviction_policy: 'lru' | 'priority';
  readonly enable_priority_scheduling: boolean;
  readonly enable_session_radix_cache: boolean;
  readonly enable_cache_report: boolean;
  readonly enable_metrics: boolean;
  readonly max_total_num_tokens: number;
  /** Where its KV events come from; the real one has them from its scheduler. */
  readonly kv_events: { readonly publisher: 'zmq'; readonly endpoint_host: string; readonly endpoint_port_base: number; readonly topic: string; readonly block_size: number; readonly dp_size: number } | null;
}

const DEFAULTS: StandInArguments = { radix_eviction_policy: 'lru', enable_priority_scheduling: false, enable_session_radix_cache: false, enable_cache_report: true, enable_metrics: true, max_total_num_tokens: 4096, kv_events: null };
const PAGE = 16;

interface Page { readonly parent: string; priority: number; lastUse: number; children: number; readonly sessions: Set<string> }

interface Body { readonly messages?: unknown; readonly prompt?: unknown; readonly priority?: number; readonly session_id?: string; readonly stream?: boolean; readonly stream_options?: { readonly include_usage?: boolean } }

export class SglangStandIn {
  readonly closed: string[] = [];
  readonly #arguments: StandInArguments;
  readonly #seed: number;
  /** By the text up to its end. */
  readonly #pages = new Map<string, Page>();
  #uses = 0;

  constructor(given: Partial<StandInArguments> = {}, start = 1) {
    this.#arguments = { ...DEFAULTS, ...given };
    this.#seed = 1_000_000 + start;
  }

  readonly script: Script = async (request, response) => {
    const json = (value: unknown, status = 200): void => { response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value)); };
    const { path, method } = request;
    if (method === 'GET' && path === '/health') response.writeHead(200).end();
    else if (method === 'GET' && path === '/server_info') json(this.#serverInfo());
    else if (method === 'GET' && path === '/metrics' && this.#arguments.enable_metrics) response.end(this.#metrics());
    else if (method === 'POST' && path === '/close_session') json(this.#close((JSON.parse(request.body.toString()) as Body).session_id ?? ''));
    else if (method === 'POST' && (path === '/v1/chat/completions' || path === '/v1/completions')) {
      const body = JSON.parse(request.body.toString()) as Body;
      const text = JSON.stringify(body.messages ?? body.prompt ?? '');
      const cached = this.#use(text, body.priority ?? 0, body.session_id);
      await answer(request, response, text.length, this.#arguments.enable_cache_report ? cached : 0);
    } else json({ detail: 'Not Found' }, 404);
  };

  #serverInfo(): unknown {
    const { max_total_num_tokens: tokens, ...given } = this.#arguments;
    return { ...given, page_size: PAGE, random_seed: this.#seed, disable_radix_cache: false, schedule_low_priority_values_first: false, enable_hierarchical_cache: false, version: '0.5.23', internal_states: [{ max_total_num_tokens: tokens }] };
  }

  #metrics(): string {
    const labels = '{engine_type="unified",model_name="m"}';
    return [
      '# HELP sglang:num_running_reqs The number of running requests.', '# TYPE sglang:num_running_reqs gauge', `sglang:num_running_reqs${labels} 0.0`,
      `sglang:num_queue_reqs${labels} 0.0`, `sglang:token_usage${labels} ${(this.#pages.size * PAGE) / this.#arguments.max_total_num_tokens}`, '',
    ].join('\n');
  }

  #close(session: string): unknown {
    this.closed.push(session);
    for (const page of this.#pages.values()) page.sessions.delete(session);
    return {};
  }

  /** @returns tokens of the prompt that were there */
  #use(text: string, priority: number, session: string | undefined): number {
    let cached = 0;
    let parent = '';
    this.#uses += 1;
    for (let end = PAGE; end <= text.length; end += PAGE) {
      const key = text.slice(0, end);
      let page = this.#pages.get(key);
      if (page === undefined) {
        this.#makeRoom(parent);
        page = { parent, priority: 0, lastUse: 0, children: 0, sessions: new Set() };
        this.#pages.set(key, page);
        const above = this.#pages.get(parent);
        if (above !== undefined) above.children += 1;
      } else if (end < text.length) cached = end;
      page.priority = Math.max(page.priority, this.#arguments.enable_priority_scheduling ? priority : 0);
      page.lastUse = this.#uses;
      if (session !== undefined && this.#arguments.enable_session_radix_cache) page.sessions.add(session);
      parent = key;
    }
    return cached;
  }

  #makeRoom(locked: string): void {
    if ((this.#pages.size + 1) * PAGE <= this.#arguments.max_total_num_tokens) return;
    let victim: string | undefined;
    let lowest: readonly number[] = [];
    for (const [key, page] of this.#pages) {
      if (page.children > 0 || key === locked) continue;
      const score = [page.sessions.size > 0 ? 1 : 0, this.#arguments.radix_eviction_policy === 'priority' ? page.priority : 0, page.lastUse];
      const differs = score.findIndex((value, index) => value !== lowest[index]);
      if (victim === undefined || (differs >= 0 && score[differs] < lowest[differs])) [victim, lowest] = [key, score];
    }
    if (victim === undefined) return;
    const above = this.#pages.get(this.#pages.get(victim)!.parent);
    if (above !== undefined) above.children -= 1;
    this.#pages.delete(victim);
  }
}

/** The usual answer, with the counts of this prompt. */
async function answer(request: Parameters<Script>[0], response: Parameters<Script>[1], promptTokens: number, cachedTokens: number): Promise<void> {
  const counted = (text: string): string => text.replaceAll('"prompt_tokens":12', `"prompt_tokens":${promptTokens}`).replaceAll('"cached_tokens":8', `"cached_tokens":${cachedTokens}`);
  const { end } = response;
  response.end = ((text?: string) => end.call(response, text === undefined ? '' : counted(text), 'utf8')) as typeof response.end;
  await speak('An answer of the stand-in.')(request, response);
}
