/** What inference remembers of one tenant's calls: bounded, hashes and ids only, never text. */
import { BoundedMap } from '../bounded-map.ts';
import type { AgentId, InstanceId, SessionId } from '../ids.ts';

/** Who a hash belongs to; `shared` once two sessions have claimed it: then it tells nothing. */
export interface Owner {
  readonly session: SessionId;
  readonly instance: InstanceId;
  readonly shared: boolean;
}

export interface Opener {
  readonly session: SessionId;
  /** Chain of the messages of the call that opened it last: a retry has the same. */
  readonly chain: string;
  /** How many conversations have opened like this. */
  readonly count: number;
}

export interface IdentityStateLimits {
  readonly toolCalls: number;
  readonly lineages: number;
  readonly openers: number;
  readonly systems: number;
  readonly spawns: number;
}
export const DEFAULT_IDENTITY_LIMITS: IdentityStateLimits = { toolCalls: 16_384, lineages: 32_768, openers: 8192, systems: 2048, spawns: 2048 };

export class IdentityState {
  /** By hash of id, name and arguments: some engines count `call_0`, `call_1` in every answer. */
  readonly toolCalls: BoundedMap<string, Owner>;
  /** By the chain of message hashes at the end of a request or an answer. */
  readonly lineages: BoundedMap<string, Owner>;
  readonly openers: BoundedMap<string, Opener>;
  /** Hash of a raw system prompt to that of the normalised one: normalising is the dear part. */
  readonly systems: BoundedMap<string, { readonly hash: string; readonly label?: string }>;
  /** By session and system prompt: the agent, for the calls that come without their tools. */
  readonly agents: BoundedMap<string, AgentId>;
  /** By hash of a long text argument of a tool call: a sub-agent's conversation opens with it. */
  readonly spawns: BoundedMap<string, Owner>;

  constructor(limits: IdentityStateLimits = DEFAULT_IDENTITY_LIMITS) {
    this.toolCalls = new BoundedMap(limits.toolCalls);
    this.lineages = new BoundedMap(limits.lineages);
    this.openers = new BoundedMap(limits.openers);
    this.systems = new BoundedMap(limits.systems);
    this.agents = new BoundedMap(limits.openers);
    this.spawns = new BoundedMap(limits.spawns);
  }
}

/** Notes whom a hash belongs to; a second session's claim makes it shared. */
export function claim(map: BoundedMap<string, Owner>, hash: string, session: SessionId, instance: InstanceId): void {
  const known = map.peek(hash);
  map.set(hash, { session, instance, shared: known !== undefined && (known.shared || known.session !== session) });
}
