/**
 * Warm-ups: on a policy's `prefetch` the latest call of a lineage is sent once more for one token, with the upstream's
 * own credential or none, never a client's. One at a time, after whatever waits, and given up when any call comes. What
 * they compute is bounded by what clients' calls bring. What they are answered is in no measure and teaches nothing.
 */
import type { CallReport, Coordinate, EngineCall, Intent, Outcome, WarmUpOutcome } from '../../core/index.ts';
import type { UpstreamServer } from '../upstream/adapter.ts';
import { KeptCalls, sessionOf, type Lineage } from './kept-calls.ts';
import { isWarmable, oneToken } from './one-token.ts';
import { isFields } from './side-channel/messages.ts';
import { WarmUpFates } from './warm-up-fates.ts';

/** Less than the 30 s after which nobody waits for the outcome of an intent. */
const LONGEST_MS = 25_000;
/** Tokens that may be computed at first, and that are saved up at most. */
const FIRST_TOKENS = 8192;
const MOST_TOKENS = 262_144;
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
export interface WarmUpOptions {
  readonly memoryBytes: number;
  /** Tokens computed per token of clients' prompts, at most. */
  readonly share: number;
  /** Told of each in the end, with what it computed. */
  tell(outcome: WarmUpOutcome, computedTokens: number): void;
  /** The last call has ended, ours too, or the first of some has begun. */
  turned(idle: boolean): void;
}

const count = (value: unknown): number => (typeof value === 'number' && value > 0 ? value : 0);

export class WarmUps {
  /** The tokens are in vLLM's own counters too: who measures by those subtracts them. */
  readonly counts = { made: 0, givenUp: 0, promptTokens: 0, cachedTokens: 0 };
  readonly kept: KeptCalls;
  readonly #options: WarmUpOptions;
  readonly #fates: WarmUpFates;
  /** Calls that run, by session. */
  readonly #open = new Map<string, number>();
  #inFlight = 0;
  #tokensLeft = FIRST_TOKENS;
  #running: Running | undefined;
  #refused = false;

  constructor(options: WarmUpOptions) {
    this.#options = options;
    this.kept = new KeptCalls(options.memoryBytes);
    this.#fates = new WarmUpFates((outcome, computedTokens) => options.tell(outcome, computedTokens));
  }

  /** It wants a credential, and there is none but clients'. */
  get refused(): boolean { return this.#refused; }
  /** No call of ours is under way, clients' or warm-up. */
  get isIdle(): boolean { return this.#inFlight === 0 && this.#running === undefined; }
  /** Clients' calls under way. */
  get inFlight(): number { return this.#inFlight; }

  /** Looked at anew: it may take a credential now, or want none. */
  lookAgain(): void { this.#refused = false; }

  /** Stands around each call of a client's. */
  async around({ request: { by }, dialect, path, body }: EngineCall, serve: () => Promise<CallReport>): Promise<CallReport> {
    const session = sessionOf(by);
    this.#running?.giveUp(this.#running.session === session ? 'the session itself called' : 'a call came');
    this.#open.set(session, (this.#open.get(session) ?? 0) + 1);
    this.#inFlight += 1;
    if (this.#inFlight === 1) this.#options.turned(false);
    try {
      const report = await serve();
      const { status, promptTokens, cachedTokens } = report;
      this.#fates.called(by, status === 'ok' ? cachedTokens : undefined);
      if (status === 'ok' && isWarmable(dialect)) this.kept.keep(by, { dialect, path, body, promptTokens });
      this.#tokensLeft = Math.min(MOST_TOKENS, this.#tokensLeft + this.#options.share * promptTokens);
      return report;
    } finally {
      const left = (this.#open.get(session) ?? 1) - 1;
      if (left > 0) this.#open.set(session, left);
      else this.#open.delete(session);
      this.#inFlight -= 1;
      if (this.isIdle) this.#options.turned(true);
    }
  }

  sessionEnded(by: Coordinate): void {
    this.kept.forget(by);
    this.#fates.sessionEnded(by);
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
    if (this.#tokensLeft <= 0) return deferred('warm-ups have computed their share');
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
      if (this.#inFlight === 0) this.#options.turned(false);
      const answer = await to.server.ask(call.path, { body, signal: giving.signal, timeoutMs: 2 * LONGEST_MS });
      return this.#judge(target, answer.status, answer.body, to.server);
    } catch (error) {
      if (givenUp === undefined) {
        if (sent) this.#options.tell('refused', 0);
        return rejected(error instanceof Error ? error.message : String(error));
      }
      if (sent) {
        this.counts.givenUp += 1;
        // Nobody tells how much of it was computed: all of it is charged for.
        this.#spend(call.promptTokens);
        this.#options.tell('aborted', 0);
      }
      // What was computed until then stays in the cache.
      return sent ? { status: 'clipped', why: givenUp } : deferred(givenUp);
    } finally {
      clearTimeout(late);
      this.#running = undefined;
      if (sent && this.isIdle) this.#options.turned(true);
    }
  }

  #spend(tokens: number): void { this.#tokensLeft -= tokens; }

  #judge(by: Lineage, status: number, body: Buffer, server: UpstreamServer): Outcome {
    if (UNAUTHORIZED.has(status)) {
      this.#refused = true;
      this.#options.tell('refused', 0);
      server.capabilitiesChanged();
      return { status: 'unsupported' };
    }
    const usage = status === 200 ? usageIn(body) : undefined;
    if (usage === undefined) this.#options.tell('refused', 0);
    if (status !== 200) return rejected(`it was answered with ${status}`);
    if (usage === undefined) return rejected('the answer tells of no tokens');
    const details = usage.prompt_tokens_details ?? usage.input_tokens_details;
    const found = (isFields(details) ? details.cached_tokens : undefined) ?? usage.cache_read_input_tokens;
    const promptTokens = count(usage.prompt_tokens ?? usage.input_tokens);
    const computedTokens = Math.max(0, promptTokens - count(found));
    this.counts.made += 1;
    this.counts.promptTokens += promptTokens;
    this.counts.cachedTokens += count(found);
    this.#spend(computedTokens);
    this.#fates.done(by, typeof found === 'number' ? found : undefined, computedTokens);
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
