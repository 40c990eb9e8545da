/**
 * Warm-ups: on a policy's `prefetch` the latest call of a lineage is sent once more for one token, with the upstream's
 * own credential or none, never a client's. One at a time, after whatever waits, and given up when the session itself
 * calls. What they are answered is in no measure and teaches nothing.
 */
import type { CallReport, Coordinate, EngineCall, Intent, Outcome } from '../../core/index.ts';
import type { UpstreamServer } from '../upstream/adapter.ts';
import { KeptCalls, sessionOf } from './kept-calls.ts';
import { isWarmable, oneToken } from './one-token.ts';
import { isFields } from './side-channel/messages.ts';

/** Less than the 30 s after which nobody waits for the outcome of an intent. */
const LONGEST_MS = 25_000;
const UNAUTHORIZED: ReadonlySet<number> = new Set([401, 403]);

interface Running {
  readonly session: string;
  giveUp(why: string): void;
}

export interface WarmUpServer {
  readonly server: UpstreamServer;
  readonly ordersByPriority: boolean;
  /** Read now; undefined: it does not tell. */
  waitingRequests(): Promise<number | undefined>;
}

const rejected = (why: string): Outcome => ({ status: 'rejected', why });
const deferred = (why: string): Outcome => ({ status: 'deferred', why });
const count = (value: unknown): number => (typeof value === 'number' && value > 0 ? value : 0);

export class WarmUps {
  /** The tokens are in vLLM's own counters too: who measures by those subtracts them. */
  readonly counts = { made: 0, givenUp: 0, promptTokens: 0, cachedTokens: 0 };
  readonly kept: KeptCalls;
  /** Calls that run, by session. */
  readonly #open = new Map<string, number>();
  #running: Running | undefined;
  #refused = false;

  constructor(memoryBytes: number) {
    this.kept = new KeptCalls(memoryBytes);
  }

  /** It wants a credential, and there is none but clients'. */
  get refused(): boolean { return this.#refused; }

  /** Looked at anew: it may take a credential now, or want none. */
  lookAgain(): void { this.#refused = false; }

  /** Stands around each call of a client's. */
  async around({ request: { by }, dialect, path, body }: EngineCall, serve: () => Promise<CallReport>): Promise<CallReport> {
    const session = sessionOf(by);
    if (this.#running?.session === session) this.#running.giveUp('the session itself called');
    this.#open.set(session, (this.#open.get(session) ?? 0) + 1);
    try {
      const report = await serve();
      if (report.status === 'ok' && isWarmable(dialect)) this.kept.keep(by, { dialect, path, body });
      return report;
    } finally {
      const left = (this.#open.get(session) ?? 1) - 1;
      if (left > 0) this.#open.set(session, left);
      else this.#open.delete(session);
    }
  }

  sessionEnded(by: Coordinate): void {
    this.kept.forget(by);
    if (this.#running?.session === sessionOf(by)) this.#running.giveUp('the session ended');
  }

  /** What runs is given up. */
  stop(): void { this.#running?.giveUp('Entresol lets go of this vLLM'); }

  async warm({ target }: Extract<Intent, { kind: 'prefetch' }>, to: WarmUpServer): Promise<Outcome> {
    if (target.kind !== 'lineage') return rejected('only a lineage can be warmed up: blocks cannot be asked for');
    const call = this.kept.find(target);
    const session = sessionOf(target);
    if (call === undefined) return rejected('no call of this lineage is kept');
    if (this.#open.has(session)) return deferred('a call of the session runs');
    if (this.#running !== undefined) return deferred('another lineage is being warmed up');
    const body = oneToken(call, to.ordersByPriority);
    if (body === undefined) return rejected('the latest call of this lineage has no members to change');
    const giving = new AbortController();
    let givenUp: string | undefined;
    let sent = false;
    const giveUp = (why: string): void => {
      givenUp ??= why;
      giving.abort();
    };
    const late = setTimeout(() => giveUp(`no answer within ${LONGEST_MS / 1000} s`), LONGEST_MS).unref();
    this.#running = { session, giveUp };
    try {
      const waiting = await to.waitingRequests();
      if (givenUp !== undefined) return deferred(givenUp);
      if (waiting !== 0) return deferred(waiting === undefined ? 'it does not tell whether calls wait' : 'calls wait');
      sent = true;
      const answer = await to.server.ask(call.path, { body, signal: giving.signal, timeoutMs: 2 * LONGEST_MS });
      return this.#judge(answer.status, answer.body, to.server);
    } catch (error) {
      if (givenUp === undefined) return rejected(error instanceof Error ? error.message : String(error));
      this.counts.givenUp += sent ? 1 : 0;
      // What was computed until then stays in the cache.
      return sent ? { status: 'clipped', why: givenUp } : deferred(givenUp);
    } finally {
      clearTimeout(late);
      this.#running = undefined;
    }
  }

  #judge(status: number, body: Buffer, server: UpstreamServer): Outcome {
    if (UNAUTHORIZED.has(status)) {
      this.#refused = true;
      server.capabilitiesChanged();
      return { status: 'unsupported' };
    }
    if (status !== 200) return rejected(`it was answered with ${status}`);
    const usage = usageIn(body);
    if (usage === undefined) return rejected('the answer tells of no tokens');
    const details = isFields(usage.prompt_tokens_details) ? usage.prompt_tokens_details : {};
    this.counts.made += 1;
    this.counts.promptTokens += count(usage.prompt_tokens ?? usage.input_tokens);
    this.counts.cachedTokens += count(details.cached_tokens ?? usage.cache_read_input_tokens);
    return { status: 'accepted' };
  }
}

function usageIn(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const answer: unknown = JSON.parse(body.toString('utf8'));
    return isFields(answer) && isFields(answer.usage) ? answer.usage : undefined;
  } catch {
    // An answer of 200 that is no JSON is none of vLLM's.
    return undefined;
  }
}
