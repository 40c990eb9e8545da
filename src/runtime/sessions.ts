import type { Coordinate, ReplicaId, SessionId, TenantId } from '../core/index.ts';
import { RecencyMap } from '../core/recency-map.ts';

export interface Session {
  /** Of the latest call. */
  by: Coordinate;
  calls: number;
  lastAtMs: number;
  openRequests: number;
  /** Its start has been told. */
  announced: boolean;
  /** Where its latest call ran. */
  replica?: ReplicaId;
}

const NONE: readonly Session[] = [];

function keyOf(by: Pick<Coordinate, 'tenant' | 'workload' | 'session'>): string {
  return `${by.tenant}\u0000${by.workload}\u0000${by.session}`;
}

function nameOf(tenant: TenantId, session: SessionId): string {
  return `${tenant}\u0000${session}`;
}

function made(by: Coordinate, atMs: number): Session {
  return { by, calls: 0, lastAtMs: atMs, openRequests: 0, announced: false };
}

/** Live sessions, the one idle for longest first. Bounded. */
export class SessionTable {
  readonly #sessions = new RecencyMap<string, Session>();
  /** Key of the latest session of that name: a framework's events may name no workload. */
  readonly #byName = new Map<string, string>();
  readonly #maximum: number;
  readonly #idleMs: number;
  /** Of the session that was asked for last, with its key: a call that arrives asks twice. */
  #asked: Pick<Coordinate, 'tenant' | 'workload' | 'session'> | undefined;
  #askedKey = '';
  /** No session can be idle for too long before then: sessions stand in the order of their last calls. */
  #nextIdleAtMs = -Infinity;

  constructor(options: { readonly maximum: number; readonly idleMs: number }) {
    this.#maximum = Math.max(1, options.maximum);
    this.#idleMs = options.idleMs;
  }

  get size(): number { return this.#sessions.size; }

  get(by: Pick<Coordinate, 'tenant' | 'workload' | 'session'>): Session | undefined {
    return this.#sessions.get(this.#keyOf(by));
  }

  #keyOf(by: Pick<Coordinate, 'tenant' | 'workload' | 'session'>): string {
    const asked = this.#asked;
    if (asked?.session !== by.session || asked.workload !== by.workload || asked.tenant !== by.tenant) {
      this.#asked = by;
      this.#askedKey = keyOf(by);
    }
    return this.#askedKey;
  }

  /** The latest session of that name, of whatever workload. */
  named(tenant: TenantId, session: SessionId): Session | undefined {
    const key = this.#byName.get(nameOf(tenant, session));
    return key === undefined ? undefined : this.#sessions.get(key);
  }

  /** Notes a call. */
  call(by: Coordinate, atMs: number): Session {
    const key = this.#keyOf(by);
    const known = this.#sessions.get(key);
    const session = known ?? made(by, atMs);
    session.by = by;
    session.calls += 1;
    session.lastAtMs = atMs;
    this.#sessions.set(key, session);
    this.#byName.set(nameOf(by.tenant, by.session), key);
    return session;
  }

  /** Of a session that is not known: its start is told by whoever calls this. */
  start(by: Coordinate, atMs: number): void {
    const key = keyOf(by);
    this.#sessions.set(key, { ...made(by, atMs), announced: true });
    this.#byName.set(nameOf(by.tenant, by.session), key);
  }

  end(by: Coordinate): Session | undefined {
    const key = keyOf(by);
    const session = this.#sessions.get(key);
    this.#sessions.delete(key);
    const name = nameOf(by.tenant, by.session);
    if (this.#byName.get(name) === key) this.#byName.delete(name);
    return session;
  }

  /** Sessions to end now: idle for too long, or too many. Those in the middle of a call stay, unless there are only such. */
  overdue(nowMs: number): readonly Session[] {
    let surplus = this.#sessions.size - this.#maximum;
    if (surplus <= 0 && nowMs < this.#nextIdleAtMs) return NONE;
    const overdue: Session[] = [];
    this.#nextIdleAtMs = nowMs + this.#idleMs;
    for (const [, session] of this.#sessions) {
      const idleAtMs = session.lastAtMs + this.#idleMs;
      if (nowMs < idleAtMs && surplus <= 0) {
        this.#nextIdleAtMs = Math.min(this.#nextIdleAtMs, idleAtMs);
        break;
      }
      if (session.openRequests > 0) {
        // Its call ends, and it may be overdue at once.
        this.#nextIdleAtMs = -Infinity;
        continue;
      }
      overdue.push(session);
      surplus -= 1;
    }
    for (const [, session] of this.#sessions) {
      if (surplus <= 0) break;
      if (session.openRequests === 0) continue;
      overdue.push(session);
      surplus -= 1;
    }
    return overdue;
  }

  ofTenant(tenant: TenantId): Session[] {
    return Array.from(this.#sessions, ([, session]) => session).filter((session) => session.by.tenant === tenant);
  }
}
