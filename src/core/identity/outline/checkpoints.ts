/**
 * Where reading a body may begin, if it begins like one that was read before: the state at a boundary between messages, kept
 * under the hash of all bytes up to a grid point at or after it. Equal hash, equal bytes (its seed is a secret of this process), equal state: the
 * state is right for whatever follows. Of a session the places near its latest end are kept, some hundred bytes each, and never its body.
 */
import type { BodyBytes } from '../hashing.ts';
import type { Boundary, ConversationState } from './conversation.ts';
import { packed, unpacked } from './packed-state.ts';
import type { Surroundings } from './surroundings.ts';

/** The member that holds the conversation. */
export type ConversationKind = 'messages' | 'input' | 'prompt';

/** What followed the conversation, told by its length and hash; places count from its start. */
export interface Suffix {
  readonly length: number;
  readonly hash: bigint;
  readonly after: Surroundings;
}

export interface Checkpoint {
  readonly kind: ConversationKind;
  /** Where the conversation begins. */
  readonly start: number;
  readonly before: Surroundings;
  readonly state: ConversationState;
  readonly suffix: Suffix;
  /** The keys of all checkpoints of this body, and of those of the body that it began like. */
  readonly siblings: readonly bigint[];
  readonly elders: readonly bigint[];
}

/** As it is kept: hashes and places as the units of one string, a third of what they take as arrays of objects. */
interface Kept extends Omit<Checkpoint, 'state'> {
  readonly boundary: Boundary;
  readonly packed: string;
}

export class Checkpoints {
  private readonly byPrefix = new Map<bigint, Kept>();
  private readonly capacity: number;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number { return this.byPrefix.size; }

  /** The longest known one among the first `count` prefixes of the body. */
  find(body: BodyBytes, count: number): Checkpoint | undefined {
    for (let index = count - 1; index >= 0; index--) {
      const known = this.byPrefix.get(body.prefix(index));
      if (known !== undefined) {
        const { boundary, packed, kind, start, before, suffix, siblings, elders } = known;
        return { kind, start, before, suffix, siblings, elders, state: { ...boundary, ...unpacked(packed) } };
      }
    }
    return undefined;
  }

  /** Keeps the latest of a session; what lies two bodies back goes, the one body back stays for those that fork there. */
  keep(latest: ReadonlyMap<bigint, Omit<Checkpoint, 'siblings' | 'elders'>>, from: Checkpoint | undefined): void {
    const siblings = [...latest.keys()].slice();
    const elders = from?.siblings ?? [];
    for (const key of from?.elders ?? []) if (!latest.has(key) && !elders.includes(key)) this.byPrefix.delete(key);
    for (const [key, { kind, start, before, suffix, state }] of latest) {
      const { offset, messages, answered, atHead, system, firstText, broughtResult, flaw } = state;
      this.byPrefix.delete(key);
      this.byPrefix.set(key, { kind, start, before, suffix, siblings, elders, boundary: { offset, messages, answered, atHead, system, firstText, broughtResult, flaw }, packed: packed(state) });
    }
    for (const key of this.byPrefix.keys()) {
      if (this.byPrefix.size <= this.capacity) break;
      this.byPrefix.delete(key);
    }
  }
}
