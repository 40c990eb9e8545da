import type { Coordinate, ReplicaId, SessionId, TenantId } from '../core/index.ts';

export interface Session {
  /** Of the latest call. */
  by: Coordinate;
  calls: number;
  lastAtMs: number;
  openRequests: number;
  /** Where its latest call ran. */
  replica?: ReplicaId;
}

function keyOf(by: Pick<Coordinate, 'tenant' | 'workload' | 'session'>): string {
  return `${by.tenant}\u0000${by.workload}\u0000${by.session}`;
}

/** Live sessions, the one idle for longest first. Bounded. */
export class SessionTable {
  readonly #sessions = new Map<string, Session>();
  /** Key of the latest session of that name: a framework's events may name no workload. */
  readonly #byName = new Map<string, string>();
  readonly #maximum: number;
  readonly #idleMs: number;

  constructor(options: { readonly maximum: number; readonly idleMs: number }) {
    this.#maximum = Math.max(1, options.maximum);
    this.#idleMs = options.idleMs;
  }

  get size(): number { return this.#sessions.size; }

  get(by: Pick<Coordinate, 'tenant' | 'workload' | 'session'>): Session | undefined {
    return this.#sessions.get(keyOf(by));
  }

  /** The latest session of that name, of whatever workload. */
  named(tenant: TenantId, session: SessionId): Session | undefined {
    const key = this.#byName.get(`${tenant}\u0000${session}`);
    return key === undefined ? undefined : this.#sessions.get(key);
  }

  /** Notes a call; `started`: the session was not known. */
  call(by: Coordinate, atMs: number): { session: Session; started: boolean } {
    const key = keyOf(by);
    const known = this.#sessions.get(key);
    const session = known ?? { by, calls: 0, lastAtMs: atMs, openRequests: 0 };
    session.by = by;
    session.calls += 1;
    session.lastAtMs = atMs;
    this.#sessions.delete(key);
    this.#sessions.set(key, session);
    this.#byName.set(`${by.tenant}\u0000${by.session}`, key);
    return { session, started: known === undefined };
  }

  end(by: Coordinate): Session | undefined {
    const key = keyOf(by);
    const session = this.#sessions.get(key);
    this.#sessions.delete(key);
    const name = `${by.tenant}\u0000${by.session}`;
    if (this.#byName.get(name) === key) this.#byName.delete(name);
    return session;
  }

  /** Sessions to end now: idle for too long, or too many. Those in the middle of a call stay, unless there are only such. */
  overdue(nowMs: number): Session[] {
    const overdue: Session[] = [];
    let surplus = this.#sessions.size - this.#maximum;
    for (const session of this.#sessions.values()) {
      const idle = nowMs - session.lastAtMs >= this.#idleMs;
      if (!idle && surplus <= 0) break;
      if (session.openRequests > 0) continue;
      overdue.push(session);
      surplus -= 1;
    }
    for (const session of this.#sessions.values()) {
      if (surplus <= 0) break;
      if (session.openRequests === 0) continue;
      overdue.push(session);
      surplus -= 1;
    }
    return overdue;
  }

  ofTenant(tenant: TenantId): Session[] {
    return [...this.#sessions.values()].filter((session) => session.by.tenant === tenant);
  }
}
