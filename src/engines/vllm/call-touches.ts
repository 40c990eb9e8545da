/** Joins what the package reports of calls to the calls that went out: whose they are, and which blocks they began with. */
import { BoundedMap, type Coordinate } from '../../core/index.ts';
import { type Chain, KEY_BYTES } from './mirror/chain.ts';
import type { Mirror } from './mirror/mirror.ts';
import type { CallDone, CallTouch } from './side-channel/messages.ts';

interface OpenCall {
  readonly by: Coordinate;
  /** Once it has its blocks. */
  readonly began?: {
    readonly rank: number;
    readonly chain: Chain;
    readonly length: number;
    /** All blocks of its prompt are in the chain: what it answers follows them. */
    readonly whole: boolean;
  };
}

export interface TouchCounts {
  /** Calls of ours whose blocks are known. */
  touched: number;
  /** Of others, or of which too much else has come since. */
  unknown: number;
  /** Tokens of our calls' prompts, and of them found in the cache, as the engine counts. */
  promptTokens: number;
  cachedTokens: number;
}

/** Calls whose end has not been told, at most. */
const OPEN_CALLS = 65_536;
/** Blocks of the chains that contexts ended with, at most: 20 bytes each, and one of a context is always kept. */
const REMEMBERED_BLOCKS = 1 << 20;

export class CallTouches {
  readonly counts: TouchCounts = { touched: 0, unknown: 0, promptTokens: 0, cachedTokens: 0 };
  readonly #mirror: Mirror;
  readonly #open = new BoundedMap<string, OpenCall>(OPEN_CALLS);
  /** The last chain of each context: its next turn goes on from there. The latest last. */
  readonly #latest = new Map<string, { readonly chain: Chain; readonly length: number }>();
  #remembered = 0;

  constructor(mirror: Mirror) {
    this.#mirror = mirror;
  }

  /** A call goes out under this tag. */
  sent(tag: string, by: Coordinate): void { this.#open.set(tag, { by }); }

  /** @returns whose call it was; undefined for none of ours */
  report(rank: number, event: CallTouch | CallDone): Coordinate | undefined {
    const call = event.tag === undefined ? undefined : this.#open.peek(event.tag);
    if (event.tag === undefined || call === undefined) {
      this.counts.unknown += 1;
      return undefined;
    }
    if (event.kind === 'touch') this.#began(rank, event, event.tag, call.by);
    else {
      this.#open.delete(event.tag);
      this.#ended(event, call);
    }
    return call.by;
  }

  #began(rank: number, { prompt, promptTokens, cachedTokens }: CallTouch, tag: string, by: Coordinate): void {
    this.counts.touched += 1;
    this.counts.promptTokens += promptTokens;
    this.counts.cachedTokens += cachedTokens;
    const known = this.#latest.get(contextOf(rank, by))?.chain;
    const length = known?.commonWith(prompt) ?? 0;
    const chain = this.#mirror.use({
      rank, by, keys: prompt.subarray(KEY_BYTES * length), first: 0, origin: 'prompt', ...(known === undefined || length === 0 ? {} : { after: { chain: known, length } }),
    });
    if (chain === undefined) return;
    this.#open.set(tag, { by, began: { rank, chain, length: chain.length, whole: KEY_BYTES * chain.length === prompt.length } });
    this.#remember(rank, by, chain);
  }

  /** A call that was never scheduled has used nothing. */
  #ended({ output }: CallDone, { by, began }: OpenCall): void {
    if (began?.whole !== true) return;
    const { rank, chain, length } = began;
    const whole = this.#mirror.use({ rank, by, after: { chain, length }, keys: output, first: length, origin: 'output' });
    if (whole !== undefined) this.#remember(rank, by, whole);
  }

  #remember(rank: number, by: Coordinate, chain: Chain): void {
    const context = contextOf(rank, by);
    this.#forget(context);
    this.#latest.set(context, { chain, length: chain.length });
    this.#remembered += chain.length;
    while (this.#remembered > REMEMBERED_BLOCKS && this.#latest.size > 1) for (const oldest of this.#latest.keys()) {
      this.#forget(oldest);
      break;
    }
  }

  #forget(context: string): void {
    const known = this.#latest.get(context);
    if (known === undefined) return;
    this.#remembered -= known.length;
    this.#latest.delete(context);
  }
}

const contextOf = (rank: number, { tenant, session, instance }: Coordinate): string => `${rank}\0${tenant}\0${session}\0${instance}`;
