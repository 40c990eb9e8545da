/** Whether an upstream can be reached: lost when a call cannot connect, won back by a call or by looking again. */
import { connect } from 'node:net';

export interface ReachabilityOptions {
  readonly origin: string;
  readonly retryMs: number;
  readonly connectTimeoutMs: number;
  changed(reachable: boolean): void;
}

export class Reachability {
  private readonly options: ReachabilityOptions;
  private reachable = true;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(options: ReachabilityOptions) {
    this.options = options;
  }

  get now(): boolean { return this.reachable; }

  /** What a call has found. */
  mark(reachable: boolean): void {
    if (this.stopped || reachable === this.reachable) return;
    this.reachable = reachable;
    this.options.changed(reachable);
    if (reachable) clearTimeout(this.timer);
    else this.lookLater();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** Opens a connection and closes it: it costs no call and needs no credential. */
  private look(): void {
    const { hostname, port, protocol } = new URL(this.options.origin);
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (protocol === 'https:' ? 443 : 80)), timeout: this.options.connectTimeoutMs });
    socket.unref();
    const end = (reached: boolean): void => {
      socket.destroy();
      if (reached) this.mark(true);
      else this.lookLater();
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  }

  private lookLater(): void {
    if (this.stopped || this.reachable) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), this.options.retryMs).unref();
  }
}
