/** Whether a server is there, what it is, and what its adapter is told of that. */
import type { Discovery } from '../../core/index.ts';
import type { UpstreamAdapter, UpstreamServer } from './adapter.ts';
import { isUnreachable } from './relay.ts';

/** How long a start waits for a first look: a server that is slow to tell what it is serves meanwhile. */
const FIRST_LOOK_MS = 3000;
/** One that answers calls, but not what it is, is asked again. */
const LOOK_AGAIN_MS = 5000;

export interface PresenceOptions {
  readonly adapter: UpstreamAdapter;
  readonly server: UpstreamServer;
  /** It could not be reached. */
  unreachable(): void;
  /** It is another process than before. */
  restarted(): void;
}

const words = (error: unknown): string => (error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error));

export class Presence {
  readonly #options: PresenceOptions;
  #discovery: Discovery | undefined;
  #instance = '';
  /** The adapter has been told that it is up. */
  #toldUp = false;
  /** Counts ups and downs: a look that began before the last one tells nothing any more. */
  #generation = 0;
  #looking = false;
  #wanted = true;
  #again: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  get discovery(): Discovery | undefined { return this.#discovery; }

  /** The first look; at most a few seconds. */
  async start(): Promise<void> {
    if (this.#options.adapter.discover === undefined && this.#options.adapter.up === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => { timer = setTimeout(resolve, FIRST_LOOK_MS).unref(); });
    await Promise.race([this.#look(), late]);
    clearTimeout(timer);
  }

  /** Whether it is well. Never rejects. */
  async check(): Promise<boolean> {
    const { adapter, server } = this.#options;
    try {
      const now = (await adapter.instance?.(server)) ?? '';
      const before = this.#instance;
      if (now !== '') this.#instance = now;
      if (this.#closed) return true;
      // Of one that was down it is known already.
      if (this.#toldUp && before !== '' && now !== '' && now !== before) this.#options.restarted();
      else if (!this.#toldUp && this.#wanted) void this.#look();
      return true;
    } catch {
      return false;
    }
  }

  up(): void {
    this.#wanted = true;
    void this.#look();
  }

  down(): void {
    this.#wanted = false;
    clearTimeout(this.#again);
    this.#generation += 1;
    this.#discovery = undefined;
    if (this.#toldUp) {
      this.#toldUp = false;
      this.#options.adapter.down?.();
    }
    this.#options.server.capabilitiesChanged();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#again);
    if (this.#toldUp) this.down();
  }

  async #look(): Promise<void> {
    clearTimeout(this.#again);
    const { adapter, server, unreachable } = this.#options;
    if (this.#looking || this.#toldUp || this.#closed) return;
    this.#looking = true;
    const generation = this.#generation;
    const stale = (): boolean => generation !== this.#generation || this.#closed;
    try {
      if (adapter.instance !== undefined) this.#instance = await adapter.instance(server);
      const discovery = await adapter.discover?.(server);
      if (stale()) {
        // What it has opened to look is nobody's any more.
        adapter.down?.();
        return;
      }
      this.#discovery = discovery;
      this.#toldUp = true;
      await adapter.up?.(server);
    } catch (error) {
      if (stale()) return;
      if (isUnreachable(error)) unreachable();
      else {
        server.host.trouble(this.#toldUp ? 'connect-failed' : 'discovery-failed', words(error));
        if (!this.#toldUp) this.#again = setTimeout(() => void this.#look(), LOOK_AGAIN_MS).unref();
      }
    } finally {
      this.#looking = false;
      if (!this.#closed) server.capabilitiesChanged();
      // It went away and came back while it was looked at.
      if (stale() && this.#wanted) void this.#look();
    }
  }
}
