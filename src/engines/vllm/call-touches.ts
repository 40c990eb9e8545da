/** Joins what the package reports of calls to the calls that went out: whose they are, and which blocks they began with. */
import { BoundedMap, type Coordinate } from '../../core/index.ts';
import type { Mirror } from './mirror/mirror.ts';
import { readKeys, type CallDone, type CallTouch } from './side-channel/messages.ts';

interface OpenCall {
  readonly by: Coordinate;
  readonly rank: number;
  prompt?: readonly bigint[];
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

export class CallTouches {
  readonly counts: TouchCounts = { touched: 0, unknown: 0, promptTokens: 0, cachedTokens: 0 };
  readonly #mirror: Mirror;
  readonly #open = new BoundedMap<string, OpenCall>(OPEN_CALLS);

  constructor(mirror: Mirror) {
    this.#mirror = mirror;
  }

  /** A call goes out under this tag. */
  sent(tag: string, by: Coordinate): void { this.#open.set(tag, { by, rank: 0 }); }

  /** @returns whose call it was; undefined for none of ours */
  report(rank: number, event: CallTouch | CallDone): Coordinate | undefined {
    const call = event.tag === undefined ? undefined : this.#open.peek(event.tag);
    if (event.tag === undefined || call === undefined) {
      this.counts.unknown += 1;
      return undefined;
    }
    if (event.kind === 'touch') {
      const prompt = readKeys(event.prompt);
      this.counts.touched += 1;
      this.counts.promptTokens += event.promptTokens;
      this.counts.cachedTokens += event.cachedTokens;
      this.#open.set(event.tag, { by: call.by, rank, prompt });
      this.#mirror.use({ rank, by: call.by, keys: prompt, first: 0, origin: 'prompt' });
    } else {
      this.#open.delete(event.tag);
      // A call that was never scheduled has used nothing.
      if (call.prompt !== undefined) this.#mirror.use({ rank: call.rank, by: call.by, keys: [...call.prompt, ...readKeys(event.output)], first: call.prompt.length, origin: 'output' });
    }
    return call.by;
  }
}
