/** The sessions between two steps, for what is asked of engines meanwhile: who called, where, and what was asked for since. */
import type { AgentId, CacheTarget, Coordinate, ReplicaId, SessionId } from '../../core/index.ts';

/** Sessions whose callers are known. */
const CAPACITY = 1024;
/** Agents of a session whose latest calls are. */
const AGENTS_PER_SESSION = 8;
/** So many times what a turn holds are looked through for sessions that live. */
const LOOKS_PER_PLACE = 8;

interface Session {
  /** The latest call of each agent, the latest first. */
  callers: readonly Coordinate[];
  /** Where it ran last; undefined where nobody has told. */
  replica: ReplicaId | undefined;
  /** What was asked for since its last call: once is enough. */
  readonly asked: Set<AgentId>;
}

export class WaitingSessions {
  /** The one that called longest ago first. */
  readonly #sessions = new Map<SessionId, Session>();
  /** Those that wait and were not looked at since, the latest last; and the others, the one that was looked at longest ago first. */
  readonly #fresh = new Set<SessionId>();
  readonly #seen = new Set<SessionId>();

  called(by: Coordinate): void {
    const { session } = by;
    const known = this.#sessions.get(session);
    const others = (known?.callers ?? []).filter(({ agent }) => agent !== by.agent);
    this.#forget(session);
    this.#sessions.set(session, { callers: [by, ...others.slice(0, AGENTS_PER_SESSION - 1)], replica: known?.replica, asked: new Set() });
    if (this.#sessions.size <= CAPACITY) return;
    const [oldest] = this.#sessions.keys();
    this.#forget(oldest);
  }

  dispatched({ session }: Coordinate, replica: ReplicaId): void {
    const known = this.#sessions.get(session);
    if (known !== undefined) known.replica = replica;
  }

  /** Its step is over. */
  waits(session: SessionId): void {
    if (!this.#sessions.has(session)) return;
    this.#seen.delete(session);
    this.#fresh.delete(session);
    this.#fresh.add(session);
  }

  ended({ session, workload }: Coordinate): void {
    // Two workloads may have sessions of one name.
    if (this.latestCaller(session)?.workload === workload) this.#forget(session);
  }

  /** Those to look at now: first those that have only just begun to wait, the latest of them first, then those that were looked at longest ago. What does not live waits no more. */
  turn(most: number, isLive: (by: Coordinate) => boolean): readonly SessionId[] {
    const turn: SessionId[] = [];
    for (const session of [...[...this.#fresh].toReversed(), ...this.#seen].slice(0, LOOKS_PER_PLACE * most)) {
      if (turn.length === most) break;
      this.#fresh.delete(session);
      this.#seen.delete(session);
      const by = this.latestCaller(session);
      if (by !== undefined && isLive(by)) turn.push(session);
    }
    for (const session of turn) this.#seen.add(session);
    return turn;
  }

  latestCaller(session: SessionId): Coordinate | undefined { return this.#sessions.get(session)?.callers[0]; }
  replicaOf(session: SessionId): ReplicaId | undefined { return this.#sessions.get(session)?.replica; }

  /** Its agents, the latest caller first, but those whose calls were asked for since the session's last one. */
  notAsked(session: SessionId): readonly Coordinate[] {
    const known = this.#sessions.get(session);
    return known?.callers.filter(({ agent }) => !known.asked.has(agent)) ?? [];
  }
  asked({ session, agent }: Coordinate): void { this.#sessions.get(session)?.asked.add(agent); }
  askAgain({ session, agent }: Extract<CacheTarget, { kind: 'lineage' }>): void { this.#sessions.get(session)?.asked.delete(agent); }

  #forget(session: SessionId): void {
    this.#sessions.delete(session);
    this.#fresh.delete(session);
    this.#seen.delete(session);
  }
}
