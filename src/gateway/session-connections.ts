/**
 * A session whose client has closed its connection may be over: programs keep a connection for as long as they run. It says so only
 * where it can know: a connection that has carried calls of one session alone, and more than one of them (else it was closed
 * because a call was over, or belongs to a pool that many sessions share), that the client closed and not this server, and after
 * which no call of the session comes for a moment (a pool that has waited too long closes one connection to open another). What the
 * sign is worth is learned as that of any other; the session itself lives on here until it is idle for too long.
 */
import type { Socket } from 'node:net';
import type { Coordinate } from '../core/index.ts';

interface Carried {
  by: Coordinate;
  calls: number;
  /** Calls of several sessions. */
  shared: boolean;
  closedByClient: boolean;
}

function keyOf({ tenant, workload, session }: Coordinate): string { return `${tenant}\u0000${workload}\u0000${session}`; }

export class SessionConnections {
  readonly #carried = new WeakMap<Socket, Carried>();
  /** Sessions by how many connections of theirs alone are open. */
  readonly #open = new Map<string, number>();
  /** Closed a moment ago. */
  readonly #closing = new Map<string, NodeJS.Timeout>();
  readonly #graceMs: number;
  readonly #closed: (by: Coordinate) => void;

  /** @param closed the session of that coordinate has lost its last connection, and made no other for `graceMs` */
  constructor(graceMs: number, closed: (by: Coordinate) => void) {
    this.#graceMs = graceMs;
    this.#closed = closed;
  }

  /** A call of the session came over the connection. */
  used(socket: Socket, by: Coordinate): void {
    if (this.#closing.size > 0) this.#comesBack(keyOf(by));
    const carried = this.#carried.get(socket);
    if (carried === undefined) this.#first(socket, by);
    else if (!carried.shared) {
      if (carried.by.session === by.session && carried.by.tenant === by.tenant && carried.by.workload === by.workload) {
        carried.by = by;
        carried.calls += 1;
      } else {
        carried.shared = true;
        this.#count(keyOf(carried.by), -1);
      }
    }
  }

  close(): void {
    for (const timer of this.#closing.values()) clearTimeout(timer);
    this.#closing.clear();
  }

  #first(socket: Socket, by: Coordinate): void {
    if (socket.destroyed) return;
    const carried: Carried = { by, calls: 1, shared: false, closedByClient: false };
    this.#carried.set(socket, carried);
    this.#count(keyOf(by), 1);
    socket.once('end', () => { carried.closedByClient = true; });
    socket.once('close', (hadError: boolean) => {
      if (carried.shared) return;
      const key = keyOf(carried.by);
      this.#count(key, -1);
      if (carried.calls < 2 || !(carried.closedByClient || hadError) || this.#open.has(key)) return;
      this.#comesBack(key);
      this.#closing.set(key, setTimeout(() => {
        this.#closing.delete(key);
        this.#closed(carried.by);
      }, this.#graceMs).unref());
    });
  }

  #count(key: string, change: 1 | -1): void {
    const count = (this.#open.get(key) ?? 0) + change;
    if (count === 0) this.#open.delete(key);
    else this.#open.set(key, count);
  }

  #comesBack(key: string): void {
    clearTimeout(this.#closing.get(key));
    this.#closing.delete(key);
  }
}
