/** All requests that are open: for draining, and for the limits on how long one may last and how long a client may not read. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { EntresolError, type Clock } from '../core/index.ts';
import { RecencyMap } from '../core/recency-map.ts';
import type { GatewayLimits } from './limits.ts';
import { MemoryBudget } from './memory-budget.ts';
import { OpenCall } from './open-call.ts';

/** How often the limits are looked at: they are minutes and hours. */
const SWEEPS_PER_LIMIT = 4;
const LONGEST_SWEEP_MS = 5000;

export class OpenCalls {
  readonly memory: MemoryBudget;
  /** By number, in the order in which they came. No Set: its discarded tables would keep ended calls (see RecencyMap). */
  readonly #open = new RecencyMap<number, OpenCall>();
  #opened = 0;
  readonly #clock: Clock;
  readonly #limits: GatewayLimits;
  readonly #timer: NodeJS.Timeout;
  #whenIdle: (() => void) | undefined;

  constructor(clock: Clock, limits: GatewayLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.memory = new MemoryBudget(limits.memoryBytes);
    this.#timer = setInterval(() => this.#sweep(), Math.min(LONGEST_SWEEP_MS, Math.min(limits.callMs, limits.stallMs) / SWEEPS_PER_LIMIT)).unref();
  }

  get size(): number { return this.#open.size; }

  open(request: IncomingMessage, response: ServerResponse): OpenCall {
    const call = new OpenCall(request, response, this.#clock, this.memory);
    const number = (this.#opened += 1);
    this.#open.set(number, call);
    response.on('close', () => {
      this.#open.delete(number);
      call.close();
      if (this.#open.size === 0) this.#whenIdle?.();
    });
    return call;
  }

  /** The one that was read last from a connection. */
  on(socket: Socket): OpenCall | undefined {
    let found: OpenCall | undefined;
    for (const [, call] of this.#open) if (call.request.socket === socket) found = call;
    return found;
  }

  /** Resolves once nothing is open, or after `graceMs`. @returns how many are left */
  async drain(graceMs: number): Promise<number> {
    if (this.#open.size > 0) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
        timer = setTimeout(resolve, graceMs);
      });
      clearTimeout(timer);
    }
    clearInterval(this.#timer);
    return this.#open.size;
  }

  #sweep(): void {
    const nowMs = this.#clock.nowMs();
    const { callMs, stallMs } = this.#limits;
    for (const [, call] of this.#open) {
      if (nowMs - call.startedAtMs > callMs) call.abort(new EntresolError('ENT_CALL_TIMEOUT', `The call took longer than ${callMs / 1000} s.`));
      else if (call.stalledSinceMs !== undefined && nowMs - call.stalledSinceMs > stallMs) call.response.destroy();
    }
  }
}
