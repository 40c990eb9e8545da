/** Sessions of calls that carry no id: a call whose messages begin with those of an earlier call goes on with its session. */
import { BoundedMap } from '../../core/index.ts';
import type { HashedRun } from './imported-call.ts';
import type { TextHasher } from './text-hasher.ts';

const PROMPTS = 200_000;
/** Shorter prompts in common are an agent's system text, not a conversation. */
const FEWEST_RUNS = 2;

export class SessionInference {
  /** The chain hash of a whole earlier prompt, and the session that it was of. */
  readonly #prompts = new BoundedMap<string, string>(PROMPTS);
  #made = 0;

  constructor(private readonly hasher: TextHasher) {}

  sessionOf(prompt: readonly HashedRun[]): string {
    const chains: string[] = [];
    let chain = '';
    for (const { hash } of prompt) chains.push(chain = this.hasher.hash('chain', `${chain} ${hash}`));
    let session: string | undefined;
    for (let length = chains.length; session === undefined && length >= FEWEST_RUNS; length--) session = this.#prompts.get(chains[length - 1]);
    session ??= `inferred ${this.#made++}`;
    if (chains.length > 0) this.#prompts.set(chain, session);
    return session;
  }
}
