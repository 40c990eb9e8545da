import { afterEach, describe, expect, it } from 'vitest';
import { replicaId, type CallReport, type Engine, type EngineCapabilities } from '../core/index.ts';
import { startServer, type RunningServer } from './compose.ts';

/** An engine that shows that it can be steered only once it has been reached. */
class LateEngine implements Engine {
  readonly kind = 'openai-compatible';
  readonly replica = replicaId('late');
  reached = false;
  get capabilities(): EngineCapabilities {
    return { dialects: ['chat'], intents: [], ordersQueue: false, countsCachedTokens: false, ...(this.reached ? { retention: { mode: 'pull' } } : {}) };
  }
  start(): Promise<void> { return Promise.resolve(); }
  models(): [] { return []; }
  handle(): Promise<CallReport> { return Promise.reject(new Error('nobody calls')); }
  perform(): Promise<{ status: 'unsupported' }> { return Promise.resolve({ status: 'unsupported' }); }
  load(): { runningRequests: number; waitingRequests: number; cacheUsedFraction: number } { return { runningRequests: 0, waitingRequests: 0, cacheUsedFraction: 0 }; }
  healthy(): boolean { return true; }
  stop(): Promise<void> { return Promise.resolve(); }
}

let server: RunningServer | undefined;
afterEach(() => server?.close(0));
const names = (): string[] => server?.runtime.policies().map(({ name }) => name) ?? [];

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => { setImmediate(resolve); });
}

describe('policies that nobody has named', () => {
  it('come on when an engine shows that it can be steered, and stay', async () => {
    const engine = new LateEngine();
    server = await startServer({ engines: [engine], log: () => undefined });
    expect(names()).toEqual([]);
    engine.reached = true;
    await until(() => names().length > 0);
    expect(names()).toEqual(['cache-sage']);
    engine.reached = false;
    await server.replaceEngines([engine]);
    expect(names()).toEqual(['cache-sage']);
  });

  it('stay away where the policies were named', async () => {
    const engine = new LateEngine();
    server = await startServer({ engines: [engine], policies: [], log: () => undefined });
    engine.reached = true;
    await server.replaceEngines([engine]);
    expect(names()).toEqual([]);
    server.configurePolicies(undefined);
    expect(names()).toEqual(['cache-sage']);
  });
});
