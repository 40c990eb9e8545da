/**
 * Warm-ups: on a policy's `prefetch` the latest call of a lineage is sent once more for one token, with the upstream's
 * own credential or none, never a client's. One at a time, beside no call of anyone's, and given up when any call comes. What
 * they compute for a tenant is bounded by what that tenant's calls bring. What they are answered is in no measure and teaches nothing.
 */
import { BoundedMap, type CallReport, type Coordinate, type EngineCall, type Intent, type Outcome, type TenantId, type WarmUpOutcome } from '../../core/index.ts';
import type { UpstreamServer } from '../upstream/adapter.ts';
import { KeptCalls, sessionOf, type KeptCall, type Lineage } from './kept-calls.ts';
import { isWarmable, oneToken } from './one-token.ts';
import { isFields } from './side-channel/messages.ts';
import { WarmUpFates } from './warm-up-fates.ts';

/** Less than the 30 s after which nobody waits for the outcome of an intent. */
const LONGEST_MS = 25_000;
/** Tokens that may be computed for a tenant at first, and that are saved up at most. */
const FIRST_TOKENS = 8192;
const MOST_TOKENS = 262_144;
/** Tenants whose shares are known: one that called longest ago begins anew. */
const TENANTS = 4096;
/** About; where a server has not told how long a prompt is. */
const BYTES_PER_TOKEN = 4;
const UNAUTHORIZED: ReadonlySet<number> = new Set([401, 403]);

interface Running {
  readonly session: string;
  giveUp(why: string): void;
}

/** A client's call under way. */
interface Open { /** Its session has ended meanwhile. */ ended: boolean }

export interface WarmUpServer {
  readonly server: UpstreamServer;
  readonly ordersByPriority: boolean;
  /** Calls there, whoever's, read now; undefined: it does not tell. */
  load(): Promise<{ readonly runningRequests: number; readonly waitingRequests: number } | undefined>;
}

/** What the server itself has said of a call: `cachedTokens` is there only where it was read in its answer. */
export interface ServedCall { readonly report: CallReport; readonly cachedTokens: number | undefined }

const rejected = (why: string): Outcome => ({ status: 'rejected', why });
const deferred = (why: string): Outcome => ({ status: 'deferred', why });
export interface WarmUpOptions {
  readonly memoryBytes: number;
  /** Tokens computed per token of a tenant's prompts, at most; 0: none. */
  readonly share: number;
  /** Told of each in the end, with what it computed. */
  tell(outcome: WarmUpOutcome, computedTokens: number): void;
  /** The last call has ended, ours too, or the first of some has begun. */
  turned(idle: boolean): void;
}

const count = (value: unknown): number => (typeof value === 'number' && value > 0 ? value : 0);
const lengthOf = ({ promptTokens, body }: KeptCall): number => (promptTokens > 0 ? promptTokens : Math.ceil(body.length / BYTES_PER_TOKEN));

export class WarmUps {
  /** The tokens are in vLLM's own counters too: who measures by those subtracts them. */
  readonly counts = { made: 0, givenUp: 0, promptTokens: 0, cachedTokens: 0 };
  readonly kept: KeptCalls;
  readonly #options: WarmUpOptions;
  readonly #fates: WarmUpFates;
  /** Calls that run, by session. */
  readonly #open = new Map<string, Set<Open>>();
  #inFlight = 0;
  #arrivals = 0;
  readonly #tokensLeft = new BoundedMap<TenantId, number>(TENANTS);
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
  /** Clients' calls that have come so far. */
  get arrivals(): number { return this.#arrivals; }
  /** One call of a client's is under way, and nothing beside it, not even a warm-up that is being given up. */
  get isAlone(): boolean { return this.#inFlight === 1 && this.#running === undefined; }

  /** Looked at anew: it may take a credential now, or want none. */
  lookAgain(): void { this.#refused = false; }

  /** Stands around each call of a client's. */
  async around({ request: { by }, dialect, path, body }: EngineCall, serve: () => Promise<ServedCall>): Promise<CallReport> {
    const session = sessionOf(by);
    this.#running?.giveUp(this.#running.session === session ? 'the session itself called' : 'a call came');
    const open = this.#begin(session);
    try {
      const { report, cachedTokens } = await serve();
      const { status, promptTokens } = report;
      if (isWarmable(dialect)) {
        // One that failed has found nothing, and computed nothing either.
        if (status === 'ok' || status === 'cancelled') this.#fates.called(by, status === 'ok' ? cachedTokens : undefined);
        if (status === 'ok' && !open.ended) this.kept.keep(by, { dialect, path, body, promptTokens });
      }
      this.#tokensLeft.set(by.tenant, Math.min(MOST_TOKENS, this.#leftOf(by.tenant) + this.#options.share * promptTokens));
      return report;
    } finally {
      this.#end(session, open);
    }
  }

  #begin(session: string): Open {
    const open = { ended: false };
    this.#open.set(session, (this.#open.get(session) ?? new Set()).add(open));
    this.#inFlight += 1;
    this.#arrivals += 1;
    if (this.#inFlight === 1) this.#options.turned(false);
    return open;
  }

  #end(session: string, open: Open): void {
    const others = this.#open.get(session);
    others?.delete(open);
    if (others?.size === 0) this.#open.delete(session);
    this.#inFlight -= 1;
    if (this.isIdle) this.#options.turned(true);
  }

  sessionEnded(by: Coordinate): void {
    const session = sessionOf(by);
    for (const open of this.#open.get(session) ?? []) open.ended = true;
    this.kept.forget(by);
    this.#fates.sessionEnded(by);
    if (this.#running?.session === session) this.#running.giveUp('the session ended');
  }

  /** For good: what was done and not used by now is not used any more. */
  close(): void {
    this.kept.clear();
    this.#fates.close();
  }

  /** What runs is given up. */
  stop(): void { this.#running?.giveUp('Entresol lets go of this vLLM'); }

  async warm({ target }: Extract<Intent, { kind: 'prefetch' }>, to: WarmUpServer): Promise<Outcome> {
    if (target.kind !== 'lineage') return rejected('only a lineage can be warmed up: blocks cannot be asked for');
    const call = this.kept.find(target);
    const session = sessionOf(target);
    if (call === undefined) return rejected('no call of this lineage is kept');
    if (this.#open.has(session)) return deferred('a call of the session runs');
    if (this.#inFlight > 0) return deferred('calls are being served');
    if (this.#running !== undefined) return deferred('another lineage is being warmed up');
    const promptTokens = lengthOf(call);
    if (this.#leftOf(target.tenant) < promptTokens) return deferred('warm-ups have computed their share');
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
      const load = await to.load();
      if (givenUp !== undefined) return deferred(givenUp);
      if (load === undefined) return deferred('it does not tell whether calls wait');
      if (load.waitingRequests > 0) return deferred('calls wait');
      // Another's than those that come through here.
      if (load.runningRequests > 0) return deferred('calls are being served');
      sent = true;
      // All of it, until it is told how much was there: of one that fails or is given up nobody tells.
      this.#spend(target.tenant, promptTokens);
      this.#options.turned(false);
      const answer = await to.server.ask(call.path, { body, signal: giving.signal, timeoutMs: 2 * LONGEST_MS });
      return this.#judge(target, answer.status, answer.body, to.server, promptTokens);
    } catch (error) {
      if (givenUp === undefined) {
        if (sent) this.#options.tell('refused', 0);
        return rejected(error instanceof Error ? error.message : String(error));
      }
      if (sent) {
        this.counts.givenUp += 1;
        this.#options.tell('aborted', 0);
      }
      // What was computed until then stays in the cache.
      return sent ? { status: 'clipped', why: givenUp } : deferred(givenUp);
    } finally {
      clearTimeout(late);
      this.#running = undefined;
      // The call that it gave way to may have ended before it.
      if ((sent || givenUp !== undefined) && this.isIdle) this.#options.turned(true);
    }
  }

  #leftOf(tenant: TenantId): number { return this.#tokensLeft.peek(tenant) ?? (this.#options.share > 0 ? FIRST_TOKENS : 0); }
  #spend(tenant: TenantId, tokens: number): void { this.#tokensLeft.set(tenant, this.#leftOf(tenant) - tokens); }

  #judge(by: Lineage, status: number, body: Buffer, server: UpstreamServer, charged: number): Outcome {
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
    this.#spend(by.tenant, computedTokens - charged);
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
