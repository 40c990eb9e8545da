import type { SessionId } from '../core/index.ts';
import { grownUint16 } from '../core/growing.ts';
import { hashText } from './hash.ts';
import { NumberTable } from './number-table.ts';
import { RecencyOrder } from './recency-order.ts';
import { MOST_SESSIONS, SessionRows } from './session-rows.ts';
import { SessionState } from './session-state.ts';

/** A V8 object of three fields, and its place in an array. */
const HANDLE_BYTES = 56;
const FIRST_LIVES = 64;

/** The sessions a learner remembers, at most `capacity`: the one that has been silent longest makes room. */
export class SessionRegistry {
  private readonly rows = new SessionRows();
  /** By row. */
  private readonly sessions: SessionState[] = [];
  /** Rows by name; row 0 is nobody's. */
  private readonly names = new NumberTable<SessionId>((row) => this.sessions[row].id, hashText);
  /** All of them by their last calls. */
  private readonly order = new RecencyOrder();
  /** Rows of the live sessions, and how many they are: in a ring, so that a few can be looked at per call. */
  private ring = new Uint16Array(FIRST_LIVES);
  private lives = 0;
  private turn = 0;
  private readonly capacity: number;

  constructor(capacity: number) {
    if (capacity > MOST_SESSIONS) throw new RangeError(`a learner remembers at most ${MOST_SESSIONS} sessions, not ${capacity}`);
    this.capacity = capacity;
  }

  get(id: SessionId): SessionState | undefined {
    const row = this.names.numberOf(id);
    return row === 0 ? undefined : this.sessions[row];
  }
  get size(): number {
    return this.names.size;
  }
  /** What is kept of the sessions: rows, handles, their places among the names; names not counted. */
  get bytes(): number {
    return this.rows.bytes + this.names.bytes + this.order.bytes + this.ring.byteLength + this.sessions.length * HANDLE_BYTES;
  }
  get liveCount(): number {
    return this.lives;
  }

  /** Adds a session. `onForgotten` gets the one that has to make room. */
  add(id: SessionId, onForgotten: (session: SessionState) => void): SessionState {
    if (this.size >= this.capacity) {
      const forgotten = this.sessions[this.order.oldest];
      onForgotten(forgotten);
      this.retire(forgotten);
      this.names.remove(forgotten.id);
      this.order.remove(forgotten.row);
      forgotten.forget();
    }
    const session = new SessionState(id, this.rows);
    this.sessions[session.row] = session;
    this.names.add(session.row);
    this.order.add(session.row);
    return session;
  }

  /** Marks the session as the most recent one, and as live. */
  refresh(session: SessionState): void {
    this.order.touch(session.row);
    if (session.place > 0) return;
    this.ring = grownUint16(this.ring, this.lives + 1);
    this.ring[this.lives] = session.row;
    session.place = ++this.lives;
  }

  /** Takes the session out of the live ones; it is still remembered. */
  retire(session: SessionState): void {
    const gap = session.place;
    if (gap === 0) return;
    const last = this.ring[--this.lives];
    this.ring[gap - 1] = last;
    this.sessions[last].place = gap;
    session.place = 0;
  }

  /** The live session whose turn it is to be looked at. */
  nextInTurn(): SessionState | undefined {
    if (this.lives === 0) return undefined;
    this.turn = (this.turn + 1) % this.lives;
    return this.sessions[this.ring[this.turn]];
  }

  * allLive(): Generator<SessionState> {
    for (let place = 0; place < this.lives; place++) yield this.sessions[this.ring[place]];
  }
}
