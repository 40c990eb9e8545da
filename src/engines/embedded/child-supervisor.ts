import { EntresolError } from '../../core/index.ts';
import { ChildConnection, type RequestOptions } from './child-connection.ts';
import type { ModelFacts, OperationKind, Operations, StartOptions } from './protocol.ts';

export interface SupervisorEvents {
  /** The engine has crashed; it is being restarted unless `final`. */
  onDown?(error: EntresolError, final: boolean): void;
  /** It was being restarted and could not be: it stays down. */
  onGivenUp?(error: EntresolError): void;
  onUp?(): void;
}

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5000;
/** Crashes in a row, each within `STABLE_MS` of its start, after which we give up. */
const MAX_CRASHES = 6;
const STABLE_MS = 30_000;

/** Keeps one engine process running: starts it, and again when it crashes, ever more slowly, until it crashes too often. */
export class ChildSupervisor {
  readonly #options: StartOptions;
  readonly #events: SupervisorEvents;
  #connection: ChildConnection | undefined;
  #up: Promise<void> = Promise.resolve();
  #healthy = false;
  #closed = false;
  #paused = false;
  #crashes = 0;
  #startedAtMs = 0;
  /** CPU time of processes that have ended, as last heard. */
  #pastCpuMs = 0;
  #lastCpuMs = 0;

  constructor(options: StartOptions, events: SupervisorEvents) {
    this.#options = options;
    this.#events = events;
  }

  get healthy(): boolean { return this.#healthy; }
  get processId(): number | undefined { return this.#connection?.processId; }

  /** @throws EntresolError what the first start fails with: it is not tried again */
  async start(): Promise<ModelFacts> {
    const connection = new ChildConnection((error) => { this.#crashed(error); });
    this.#connection = connection;
    this.#startedAtMs = performance.now();
    const facts = await connection.request('start', { options: this.#options });
    if (this.#paused) await connection.request('pause', {});
    this.#healthy = true;
    return facts;
  }

  /** Waits for a restart that is under way. @throws EntresolError `ENT_ENGINE_UNAVAILABLE` if there will be none */
  async whenUp(): Promise<void> {
    await this.#up;
    if (this.#closed) throw new EntresolError('ENT_ENGINE_UNAVAILABLE', 'the engine has been closed.');
  }

  async request<Kind extends OperationKind>(kind: Kind, request: Operations[Kind]['request'], options?: RequestOptions): Promise<Operations[Kind]['reply']> {
    await this.whenUp();
    return (this.#connection as ChildConnection).request(kind, request, options);
  }

  async pause(): Promise<void> {
    this.#paused = true;
    await this.request('pause', {});
  }

  resume(): void {
    this.#paused = false;
    // A process that has just crashed comes up unpaused.
    void this.request('resume', {}).catch(() => undefined);
  }

  async cpuMs(): Promise<number> {
    this.#lastCpuMs = await this.request('cpu', {});
    return this.#pastCpuMs + this.#lastCpuMs;
  }

  /** Ends the process as a crash would. Does nothing while there is none. */
  restart(): void {
    if (this.#healthy) this.#connection?.kill();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#healthy = false;
    await this.#connection?.close();
  }

  #crashed(error: EntresolError): void {
    // A process that never came up is reported by `start` itself.
    if (!this.#healthy || this.#closed) return;
    this.#healthy = false;
    this.#pastCpuMs += this.#lastCpuMs;
    this.#lastCpuMs = 0;
    this.#crashes = performance.now() - this.#startedAtMs > STABLE_MS ? 1 : this.#crashes + 1;
    this.#events.onDown?.(error, this.#crashes >= MAX_CRASHES);
    this.#up = this.#restart(error);
    // Whoever calls next hears of it; nobody may be waiting now.
    this.#up.catch(() => undefined);
  }

  async #restart(cause: EntresolError): Promise<void> {
    let last: unknown = cause;
    const tries = this.#crashes < MAX_CRASHES;
    for (; this.#crashes < MAX_CRASHES && !this.#closed; this.#crashes++) {
      const delayMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#crashes - 1));
      await new Promise((resolve) => { setTimeout(resolve, delayMs); });
      if (this.#closed) return;
      try {
        await this.start();
        this.#events.onUp?.();
        return;
      } catch (error) {
        last = error;
        await this.#connection?.close();
      }
    }
    if (this.#closed) return;
    const why = last instanceof Error ? ` (${last.message})` : '';
    const error = new EntresolError('ENT_ENGINE_UNAVAILABLE', `the engine has crashed or not started ${this.#crashes} times in a row and is not started again${why}.`, { cause: last });
    // Without a try it was known when it went down.
    if (tries) this.#events.onGivenUp?.(error);
    throw error;
  }
}
