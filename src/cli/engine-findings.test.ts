import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { enginesOf } from './engine-findings.ts';

const closing: (() => void)[] = [];
afterEach(() => { for (const close of closing.splice(0)) close(); });

/** A server of ours that tells this of its engines. */
async function telling(status: number, document: object): Promise<string> {
  const server = createServer((_request, response) => { response.writeHead(status).end(JSON.stringify(document)); });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  closing.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('what doctor says of a running server\'s engines', () => {
  it('fails one that is down, whatever it was found to be before, and shows one that has nothing to tell', async () => {
    const features = [{ name: 'evicts as it is told', available: 'no', mend: 'install the package' }];
    const url = await telling(200, { engines: [{ replica: 'a', kind: 'vllm', healthy: false, product: 'vLLM 0.32', features, troubles: { 'kv-gap': 2 } }, { replica: 'b', kind: 'openai-compatible', healthy: true, features: [], troubles: {} }] });
    expect((await enginesOf(url)).map(({ check, result, detail }) => [check, result, detail])).toEqual([
      ['engine a', 'failed', expect.stringContaining('it is down')],
      ['engine a, troubles', 'note', 'kv-gap 2 times.'],
      ['engine b', 'ok', 'openai-compatible'],
    ]);
  });

  it('says that it wants an admin\'s key', async () => {
    expect(await enginesOf(await telling(403, {}), 'entresol_x')).toEqual([expect.objectContaining({ check: 'engines', result: 'note', detail: expect.stringContaining('admin') })]);
  });
});
