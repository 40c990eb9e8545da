/** For tests: an `Answer` that keeps what it is given, and an `EngineHost` and calls to go with it. */
import {
  agentId, instanceId, LOCAL_TENANT, requestId, sessionId, workloadId,
  type Answer, type Dialect, type EngineCall, type EngineHost, type Event,
} from '../../../core/index.ts';

export class RecordingAnswer implements Answer {
  status = 0;
  headers: readonly string[] = [];
  body = '';
  ended = false;
  destroyed: Error | undefined;
  /** Called with each piece as it is written. */
  onWrite: ((piece: string) => void) | undefined;

  head(status: number, headers: readonly string[]): void {
    this.status = status;
    this.headers = headers;
  }
  write(bytes: Uint8Array): void {
    const piece = Buffer.from(bytes).toString('utf8');
    this.body += piece;
    this.onWrite?.(piece);
  }
  end(): void { this.ended = true; }
  destroy(error: Error): void { this.destroyed = error; }

  get json(): unknown { return JSON.parse(this.body); }
  /** The documents of an event stream, less `[DONE]`, which must be its last. */
  get events(): Record<string, unknown>[] {
    const lines = this.body.split('\n\n').filter((line) => line !== '').map((line) => line.replace(/^data: /u, ''));
    if (lines.pop() !== '[DONE]') throw new Error('the stream does not end with [DONE]');
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}

export class RecordingHost implements EngineHost {
  readonly clock = { nowMs: (): number => performance.now() };
  readonly events: Event[] = [];
  readonly logs: string[] = [];
  readonly #waiting: { readonly type: Event['type']; resolve(): void }[] = [];

  emit(event: Event): void {
    this.events.push(event);
    for (const { type, resolve } of this.#waiting) if (type === event.type) resolve();
  }
  /** Resolves at the next event of a type. */
  next(type: Event['type']): Promise<void> {
    return new Promise((resolve) => { this.#waiting.push({ type, resolve }); });
  }

  order(): undefined { return undefined; }
  retention(): undefined { return undefined; }
  readonly troubles: string[] = [];
  log(_level: string, message: string): void { this.logs.push(message); }
  trouble(kind: string): void { this.troubles.push(kind); }
  readonly warmUps: string[] = [];
  warmedUp(outcome: string): void { this.warmUps.push(outcome); }
}

let calls = 0;

export function engineCall(dialect: Dialect, body: object, options: { signal?: AbortSignal; session?: string } = {}): EngineCall {
  const serial = calls++;
  return {
    request: {
      id: requestId(`request-${serial}`), model: 'm', arrivedAtMs: performance.now(), promptTokens: 0, promptTokensExact: false, residentTokens: 0, tools: [], stream: false, final: false,
      by: {
        tenant: LOCAL_TENANT, workload: workloadId('w'), session: sessionId(options.session ?? 's'), agent: agentId('a'), instance: instanceId(options.session ?? 's'), step: serial,
      },
    },
    memory: undefined, dialect, method: 'POST', path: dialect === 'chat' ? '/v1/chat/completions' : '/v1/completions', headers: ['content-type', 'application/json'],
    body: Buffer.from(JSON.stringify(body)), parsed: JSON.parse(JSON.stringify(body)) as unknown, signal: options.signal ?? new AbortController().signal,
  };
}
