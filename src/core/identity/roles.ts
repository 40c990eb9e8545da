/**
 * Which prompts are one role. A fingerprint (system prompt and tool names) is a role of its own, unless prompts that begin
 * alike, with the same tools, are new in every session: then what differs is data, and they are one role.
 */
import { BoundedMap } from '../bounded-map.ts';
import { agentId, type AgentId, type SessionId } from '../ids.ts';

const MAXIMUM_FINGERPRINTS = 4096;
const MAXIMUM_FAMILIES = 512;
/** So many fingerprints of a family, in so many sessions, of which so few came in a second session: they are data. */
const LEAST_FINGERPRINTS = 32;
const LEAST_SESSIONS = 16;
const RECURRING_SHARE = 0.25;

interface Known { readonly agent: AgentId; readonly session: SessionId; readonly recurring: boolean }
interface Family { fingerprints: number; recurring: number; sessions: number; lastSession: SessionId }

export const agentOf = (hash: bigint): AgentId => agentId(`agent-${(hash & 0xffffffffn).toString(16).padStart(8, '0')}`);

export class RoleMemory {
  private readonly known = new BoundedMap<bigint, Known>(MAXIMUM_FINGERPRINTS);
  private readonly families = new BoundedMap<bigint, Family>(MAXIMUM_FAMILIES);

  /** The role of a fingerprint. Reads only. @param family of prompts that begin alike, with the same tools */
  agentOf(fingerprint: bigint, family: bigint): AgentId {
    return this.known.peek(fingerprint)?.agent ?? agentOf(this.isData(family) ? family : fingerprint);
  }

  private isData(family: bigint): boolean {
    const seen = this.families.peek(family);
    return seen !== undefined && seen.fingerprints >= LEAST_FINGERPRINTS && seen.sessions >= LEAST_SESSIONS && seen.recurring < seen.fingerprints * RECURRING_SHARE;
  }

  note(fingerprint: bigint, family: bigint, agent: AgentId, session: SessionId): void {
    const known = this.known.get(fingerprint);
    const seen = this.families.get(family) ?? { fingerprints: 0, recurring: 0, sessions: 0, lastSession: session };
    if (known === undefined) {
      if (this.isData(family)) return;
      this.known.set(fingerprint, { agent, session, recurring: false });
      seen.fingerprints += 1;
      if (seen.sessions === 0 || seen.lastSession !== session) seen.sessions += 1;
      seen.lastSession = session;
    } else if (!known.recurring && known.session !== session) {
      this.known.set(fingerprint, { ...known, recurring: true });
      seen.recurring += 1;
    }
    this.families.set(family, seen);
  }
}
