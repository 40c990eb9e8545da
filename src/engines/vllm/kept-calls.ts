/** The latest call of each agent of each session, for warm-ups: bounded in bytes; what was used longest ago goes first. */
import type { Coordinate, Dialect } from '../../core/index.ts';

export type Lineage = Pick<Coordinate, 'tenant' | 'workload' | 'session' | 'agent'>;

export interface KeptCall {
  readonly dialect: Dialect;
  readonly path: string;
  readonly body: Buffer;
  readonly promptTokens: number;
}

/** What an entry takes beside its body, about. */
const ENTRY_BYTES = 512;

/** Ids are clients' own words, and those of two tenants may be equal. */
export const sessionOf = ({ tenant, workload, session }: Omit<Lineage, 'agent'>): string => JSON.stringify([tenant, workload, session]);

const costOf = ({ body }: KeptCall): number => body.length + ENTRY_BYTES;

export class KeptCalls {
  readonly #limitBytes: number;
  /** Longest unused first, sessions and agents within each. */
  readonly #sessions = new Map<string, Map<string, KeptCall>>();
  #bytes = 0;
  #size = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get bytes(): number { return this.#bytes; }
  get size(): number { return this.#size; }

  /** In place of the one before it. The body is copied: its memory is used again. One that is too large is not kept. */
  keep(by: Lineage, { dialect, path, body, promptTokens }: KeptCall): void {
    const session = sessionOf(by);
    this.#drop(session, by.agent);
    if (body.length + ENTRY_BYTES > this.#limitBytes) return;
    const copy = Buffer.allocUnsafeSlow(body.length);
    body.copy(copy);
    const agents = this.#sessions.get(session) ?? new Map<string, KeptCall>();
    const kept = { dialect, path, body: copy, promptTokens };
    agents.set(by.agent, kept);
    this.#sessions.delete(session);
    this.#sessions.set(session, agents);
    this.#bytes += costOf(kept);
    this.#size += 1;
    while (this.#bytes > this.#limitBytes) this.#dropOldest();
  }

  find(by: Lineage): KeptCall | undefined { return this.#sessions.get(sessionOf(by))?.get(by.agent); }

  forget(by: Omit<Lineage, 'agent'>): void {
    const session = sessionOf(by);
    for (const agent of this.#sessions.get(session)?.keys() ?? []) this.#drop(session, agent);
  }

  clear(): void {
    this.#sessions.clear();
    this.#bytes = 0;
    this.#size = 0;
  }

  #dropOldest(): void {
    for (const [session, agents] of this.#sessions) {
      for (const agent of agents.keys()) {
        this.#drop(session, agent);
        return;
      }
    }
  }

  #drop(session: string, agent: string): void {
    const agents = this.#sessions.get(session);
    const kept = agents?.get(agent);
    if (agents === undefined || kept === undefined) return;
    agents.delete(agent);
    if (agents.size === 0) this.#sessions.delete(session);
    this.#bytes -= costOf(kept);
    this.#size -= 1;
  }
}
