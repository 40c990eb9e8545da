/** Whether the ids of a header or field are what they claim to be, learned from use: some harnesses make new ones for every call. */
import { BoundedMap } from '../bounded-map.ts';
import type { SessionId } from '../ids.ts';

/** So many calls that went on with a conversation under a new id, and so many times those that kept it: an id per call. */
const LEAST_CONTRADICTED = 8;
const CONTRADICTED_TO_CONFIRMED = 4;
/** So many names of agents, in so many sessions, of which so few came in a second session: a name per spawn. */
const LEAST_NAMES = 32;
const LEAST_SESSIONS = 16;
const RECURRING_SHARE = 0.125;
const REMEMBERED_NAMES = 256;
/** Counts are halved here, so that a client that was mended is believed again. */
const HALVED_AT = 1024;

interface SessionIds { confirmed: number; contradicted: number }
interface AgentNames { names: number; recurring: number; sessions: number; lastSession: SessionId; readonly first: BoundedMap<string, { readonly session: SessionId; readonly recurring: boolean }> }

/** Sources are places of the vendor table: a bounded set. */
export class SourceMemory {
  private readonly sessions = new Map<string, SessionIds>();
  private readonly agents = new Map<string, AgentNames>();

  /** Session ids of this source are new with every call. */
  sessionPerCall(source: string): boolean {
    const seen = this.sessions.get(source);
    return seen !== undefined && seen.contradicted >= LEAST_CONTRADICTED && seen.contradicted > CONTRADICTED_TO_CONFIRMED * seen.confirmed;
  }

  /** Agents of this source have a new name with every spawn. */
  agentPerSpawn(source: string): boolean {
    const seen = this.agents.get(source);
    return seen !== undefined && seen.names >= LEAST_NAMES && seen.sessions >= LEAST_SESSIONS && seen.recurring < seen.names * RECURRING_SHARE;
  }

  /** A call that surely went on with a known conversation: did its id say the same? */
  noteSession(source: string, confirmed: boolean): void {
    const seen = this.sessions.get(source) ?? { confirmed: 0, contradicted: 0 };
    if (confirmed) seen.confirmed += 1;
    else seen.contradicted += 1;
    if (seen.confirmed + seen.contradicted >= HALVED_AT) {
      seen.confirmed /= 2;
      seen.contradicted /= 2;
    }
    this.sessions.set(source, seen);
  }

  noteAgent(source: string, name: string, session: SessionId): void {
    const seen = this.agents.get(source) ?? { names: 0, recurring: 0, sessions: 0, lastSession: session, first: new BoundedMap(REMEMBERED_NAMES) };
    const first = seen.first.get(name);
    if (first === undefined) {
      seen.first.set(name, { session, recurring: false });
      seen.names += 1;
      if (seen.sessions === 0 || seen.lastSession !== session) seen.sessions += 1;
      seen.lastSession = session;
    } else if (!first.recurring && first.session !== session) {
      seen.first.set(name, { session: first.session, recurring: true });
      seen.recurring += 1;
    }
    if (seen.names >= HALVED_AT) {
      seen.names /= 2;
      seen.recurring /= 2;
    }
    this.agents.set(source, seen);
  }
}
