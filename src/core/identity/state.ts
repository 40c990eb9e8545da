/** What inference remembers of one tenant's calls: bounded, hashes and ids only, never text. */
import { BoundedMap } from '../bounded-map.ts';
import type { AgentId, InstanceId, SessionId } from '../ids.ts';
import type { Evidence } from './evidence.ts';
import type { ToolList } from './outline/surroundings.ts';
import { RoleMemory } from './roles.ts';
import { SourceMemory } from './sources.ts';

/** One live context of an agent, as far as calls have shown it. */
export interface Owner {
  readonly session: SessionId;
  readonly instance: InstanceId;
  readonly agent: AgentId;
  /** Of its system prompt without volatile parts, and of what its conversation opened with. */
  readonly system: bigint;
  readonly opener: bigint;
  readonly tools: ToolList;
  readonly parent?: Evidence<InstanceId>;
}

export interface Opener {
  readonly session: SessionId;
  /** Chain of the messages of the call that opened it last: a retry has the same. */
  readonly chain: bigint;
  /** How many conversations have opened like this. */
  readonly count: number;
}

/** What can show whose conversation a call goes on, and how many of each are kept of a session: the latest. */
const KEPT = { call: 4, callId: 4, lineage: 4, text: 5, response: 1, openerText: 1 } as const;
export type Clue = keyof typeof KEPT;
const CLUES = Object.keys(KEPT) as readonly Clue[];
/** Equal hashes of different clues are different keys. */
const SALT: Readonly<Record<Clue, bigint>> = { call: 0x11n << 56n, callId: 0x22n << 56n, lineage: 0x33n << 56n, text: 0x44n << 56n, response: 0x55n << 56n, openerText: 0x66n << 56n };

const KEPT_INSTANCES = 12;

/** The latest `kept`, in an array no larger than they are: one that is pushed to takes room for seventeen. */
const addedTo = <Item>(items: readonly Item[], item: Item, kept: number): readonly Item[] => items.slice(Math.max(0, items.length + 1 - kept)).concat([item]);

/** A session's own part: its instances, and the keys by which calls find it. */
export class SessionMemory {
  instances: readonly Owner[] = [];
  /** The instance whose answer called for a sub-agent or a hand-over and has not gone on since. */
  pending?: InstanceId;
  /** What calls; told once by what its first request looks like. */
  client?: Evidence<string>;
  readonly keys: Partial<Record<Clue, readonly bigint[]>> = {};

  instance(id: InstanceId): Owner | undefined { return this.instances.find((owner) => owner.instance === id); }

  /** The latest of that role; `opener`: of those the one whose conversation opened so. */
  ofAgent(agent: AgentId, opener?: bigint): Owner | undefined {
    return this.instances.findLast((owner) => owner.agent === agent && (opener === undefined || owner.opener === opener));
  }

  put(owner: Owner): void {
    if (this.instances.at(-1) === owner) return;
    this.instances = addedTo(this.instances.filter((known) => known.instance !== owner.instance), owner, KEPT_INSTANCES);
  }
}

export interface IdentityStateLimits {
  readonly sessions: number;
  readonly openers: number;
  readonly ambiguous: number;
}
export const DEFAULT_IDENTITY_LIMITS: IdentityStateLimits = { sessions: 24_576, openers: 24_576, ambiguous: 8192 };

export class IdentityState {
  readonly openers: BoundedMap<bigint, Opener>;
  readonly roles = new RoleMemory();
  readonly sources = new SourceMemory();
  private readonly memories: BoundedMap<SessionId, SessionMemory>;
  private readonly owners = new Map<bigint, Owner>();
  /** Keys that two sessions have claimed: they tell nothing. */
  private readonly ambiguous: BoundedMap<bigint, true>;

  constructor(limits: IdentityStateLimits = DEFAULT_IDENTITY_LIMITS) {
    this.memories = new BoundedMap(limits.sessions);
    this.openers = new BoundedMap(limits.openers);
    this.ambiguous = new BoundedMap(limits.ambiguous);
  }

  /** How many sessions and keys are remembered. */
  get size(): { readonly sessions: number; readonly keys: number } { return { sessions: this.memories.size, keys: this.owners.size }; }

  session(session: SessionId): SessionMemory | undefined { return this.memories.peek(session); }

  /** The session's memory, made if there is none; the session idle for longest is forgotten for it. */
  enter(session: SessionId): SessionMemory {
    const known = this.memories.get(session);
    if (known !== undefined) return known;
    const memory = new SessionMemory();
    const evicted = this.memories.set(session, memory);
    if (evicted !== undefined) for (const clue of CLUES) for (const key of evicted[1].keys[clue] ?? []) this.owners.delete(key);
    return memory;
  }

  find(clue: Clue, hash: bigint): Owner | undefined {
    const owner = this.owners.get(hash ^ SALT[clue]);
    // The owner may have been renamed or have gained a parent since.
    return owner === undefined ? undefined : (this.session(owner.session)?.instance(owner.instance) ?? owner);
  }

  /** Notes whom a clue leads to; once two sessions have claimed it, it leads nowhere. */
  claim(clue: Clue, hash: bigint, owner: Owner): void {
    const key = hash ^ SALT[clue];
    if (this.ambiguous.get(key) === true) return;
    const known = this.owners.get(key);
    if (known !== undefined && known.session !== owner.session) {
      this.owners.delete(key);
      this.ambiguous.set(key, true);
      return;
    }
    this.owners.set(key, owner);
    if (known !== undefined) return;
    const { keys } = this.enter(owner.session);
    const ring = keys[clue] ?? [];
    if (ring.length === KEPT[clue]) this.owners.delete(ring[0]);
    keys[clue] = addedTo(ring, key, KEPT[clue]);
  }
}
