/**
 * Which lineages SGLang holds an open session for. A session is opened by the first call that names it; closing it takes
 * nothing away, what it alone used merely goes before what open sessions use. So one that is closed too early is no worse
 * off than without sessions, and the next call opens it again; one that is never closed would outlive those that are used.
 */
export interface OpenSessionsOptions {
  /** Beyond these the one that was used least recently is closed. */
  readonly maximum: number;
  readonly idleMs: number;
  close(id: string): Promise<boolean>;
}

interface Open {
  readonly session: string;
  running: number;
  lastAtMs: number;
  /** It is to be closed when its last call ends. */
  ended: boolean;
}

export class OpenSessions {
  readonly #options: OpenSessionsOptions;
  /** By lineage, the one used least recently first. */
  readonly #open = new Map<string, Open>();
  readonly #bySession = new Map<string, Set<string>>();

  constructor(options: OpenSessionsOptions) {
    this.#options = options;
  }

  has(id: string): boolean { return this.#open.has(id); }

  /**
   * A call of the lineage goes out.
   * @param session whose lineage it is
   * @returns to be called when it has ended
   */
  began(id: string, session: string, nowMs: number): (nowMs: number) => void {
    const known = this.#open.get(id);
    const open = known ?? { session, running: 0, lastAtMs: nowMs, ended: false };
    this.#open.delete(id);
    this.#open.set(id, open);
    Object.assign(open, { running: open.running + 1, lastAtMs: nowMs, ended: false });
    const finished = (atMs: number): void => { this.#finished(id, open, atMs); };
    if (known !== undefined) return finished;
    const lineages = this.#bySession.get(session);
    if (lineages === undefined) this.#bySession.set(session, new Set([id]));
    else lineages.add(id);
    for (const [oldest, { running }] of this.#open) {
      if (this.#open.size <= this.#options.maximum) break;
      if (running === 0) void this.close(oldest);
    }
    return finished;
  }

  /** All lineages of a session, each once its calls have ended. */
  end(session: string): void {
    for (const id of this.#bySession.get(session) ?? []) {
      const open = this.#open.get(id);
      if (open === undefined) continue;
      if (open.running === 0) void this.close(id);
      else open.ended = true;
    }
  }

  closeIdle(nowMs: number): void {
    for (const [id, { running, lastAtMs }] of this.#open) {
      if (running === 0 && nowMs - lastAtMs >= this.#options.idleMs) void this.close(id);
    }
  }

  /** @returns whether there was one, and the server has closed it */
  async close(id: string): Promise<boolean> {
    const open = this.#open.get(id);
    if (open === undefined) return false;
    this.#open.delete(id);
    const lineages = this.#bySession.get(open.session);
    lineages?.delete(id);
    if (lineages?.size === 0) this.#bySession.delete(open.session);
    return this.#options.close(id);
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((id) => this.close(id)));
  }

  /** The server is gone, and its sessions with it. */
  forget(): void {
    this.#open.clear();
    this.#bySession.clear();
  }

  #finished(id: string, open: Open, nowMs: number): void {
    open.running -= 1;
    open.lastAtMs = nowMs;
    // The server may have been started anew meanwhile, and the lineage opened again.
    if (this.#open.get(id) !== open || open.running > 0) return;
    if (open.ended || this.#open.size > this.#options.maximum) void this.close(id);
  }
}
