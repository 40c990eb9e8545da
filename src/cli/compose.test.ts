import { expect, it } from 'vitest';
import { SimulatedEngine } from '../engines/simulated/engine.ts';
import { processClock } from '../runtime/index.ts';
import { MemoryStore } from '../store/index.ts';
import { startServer } from './compose.ts';

class StubbornEngine extends SimulatedEngine {
  override async stop(graceMs: number): Promise<void> {
    await super.stop(graceMs);
    throw new Error('it does not want to stop');
  }
}

it('a server that is closed saves what was learned, also where an engine fails as it is stopped', async () => {
  const state = new MemoryStore({ clock: processClock, maximumEntries: 100 });
  const server = await startServer({ engines: [new StubbornEngine()], state, log: () => undefined });
  const body = { model: server.engine.models()[0].id, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 2 };
  const answer = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  expect(answer.status).toBe(200);
  await answer.text();
  await expect(server.close(0)).rejects.toThrow('it does not want to stop');
  const keys: string[] = [];
  for await (const { key } of state.entries()) keys.push(key);
  expect(keys.some((key) => key.includes('learner'))).toBe(true);
});
