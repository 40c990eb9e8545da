import type { SessionId } from '../core/index.ts';
import { SessionRows } from './session-rows.ts';
import { SessionState } from './session-state.ts';

/** A V8 object of three fields; an entry of a hash table that is half to wholly full. */
const HANDLE_BYTES = 48;
const MAP_ENTRY_BYTES = 40;

/** The sessions a learner remembers, at most `capacity`: the one that has been silent longest makes room. */
export class SessionRegistry {
  private readonly sessions = new Map<SessionId, SessionState>();
  /** Live sessions in a ring, so that a few can be looked at per call. */
  private readonly live: SessionState[] = [];
  private readonly rows = new SessionRows();
  private turn = 0;
  private readonly capacity: number;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get(id: SessionId): SessionState | undefined {
    return this.sessions.get(id);
  }
  get size(): number {
    return this.sessions.size;
  }
  /** What is kept of the sessions: rows, handles, their places in the map and among the live ones; names not counted. */
  get bytes(): number {
    return this.rows.bytes + this.sessions.size * (HANDLE_BYTES + MAP_ENTRY_BYTES) + this.live.length * 8;
  }
  get liveCount(): number {
    return this.live.length;
  }

  /** Adds a session. `onForgotten` gets the one that has to make room. */
  add(id: SessionId, onForgotten: (session: SessionState) => void): SessionState {
    if (this.sessions.size >= this.capacity) {
      const [oldest] = this.sessions.values();
      onForgotten(oldest);
      this.retire(oldest);
      this.sessions.delete(oldest.id);
      oldest.forget();
    }
    const session = new SessionState(id, this.rows);
    this.sessions.set(id, session);
    return session;
  }

  /** Marks the session as the most recent one, and as live. */
  refresh(session: SessionState): void {
    this.sessions.delete(session.id);
    this.sessions.set(session.id, session);
    if (session.place >= 0) return;
    session.place = this.live.length;
    this.live.push(session);
  }

  /** Takes the session out of the live ones; it is still remembered. */
  retire(session: SessionState): void {
    const { place } = session;
    if (place < 0) return;
    const last = this.live[this.live.length - 1];
    this.live[place] = last;
    last.place = place;
    this.live.pop();
    session.place = -1;
  }

  /** The live session whose turn it is to be looked at. */
  nextInTurn(): SessionState | undefined {
    if (this.live.length === 0) return undefined;
    this.turn = (this.turn + 1) % this.live.length;
    return this.live[this.turn];
  }

  allLive(): readonly SessionState[] {
    return this.live;
  }
}
