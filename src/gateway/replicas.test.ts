import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, hello, post, until } from '../../test/support/gateway-setup.ts';
import { speak, startUpstream, type ScriptedUpstream } from '../../test/support/scripted-upstream.ts';
import { startServer, type RunningServer } from '../cli/compose.ts';
import { definePolicy, requestId, type PolicyDefinition } from '../core/index.ts';
import { OpenAiEngine } from '../engines/openai/engine.ts';
import type { PolicySetting } from '../runtime/index.ts';

afterEach(closeAll);

async function twoReplicas(policies: readonly PolicySetting[] = []): Promise<{ server: RunningServer; first: ScriptedUpstream; second: ScriptedUpstream }> {
  const [first, second] = [await startUpstream(speak('first')), await startUpstream(speak('second'))];
  const engines = [first, second].map(({ url }) => new OpenAiEngine({ kind: 'openai-compatible', url, retryMs: 10 }));
  const server = await startServer({ engines, policies, log: () => undefined });
  closeLater(() => Promise.all([first.close(), second.close()]));
  closeLater(() => server.close(0));
  return { server, first, second };
}
const placing = (name: string, score: (index: number) => number): PolicyDefinition => definePolicy({
  name, summary: 'Ranks replicas by their index.', decisions: ['placement'],
  create: () => ({ score: { placement: (_request, replicas, scores) => { replicas.forEach((_, index) => { scores[index] = score(index); }); } } }),
});
const call = async (server: RunningServer): Promise<number> => {
  const answer = await post(`${server.url}/v1/chat/completions`, JSON.stringify(hello));
  await answer.text();
  return answer.status;
};

describe('replicas', () => {
  it('share the calls that run at once', async () => {
    const { server, first, second } = await twoReplicas();
    const waiting: (() => void)[] = [];
    for (const upstream of [first, second]) upstream.script((_request, response) => void waiting.push(() => response.end('{}')));
    const calls = Array.from({ length: 6 }, () => call(server));
    await until(() => waiting.length === 6);
    for (const finish of waiting) finish();
    await Promise.all(calls);
    expect([first.received.length, second.received.length]).toEqual([3, 3]);
  });

  it('are left alone while they cannot be reached, and used again when they can', async () => {
    const { server, first, second } = await twoReplicas();
    await first.close();
    expect([await call(server), await call(server)]).toEqual([200, 200]);
    expect(second.received).toHaveLength(2);
    expect(server.engines[0].healthy()).toBe(false);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    const again = await startUpstream(speak('again'), Number(new URL(first.url).port));
    closeLater(() => again.close());
    await until(() => server.engines[0].healthy());
    expect(await call(server)).toBe(200);
    expect(again.received).toHaveLength(1);
  });

  it('are chosen by a placement policy', async () => {
    const { server, first, second } = await twoReplicas([{ definition: placing('last', (index) => index) }]);
    expect([await call(server), await call(server)]).toEqual([200, 200]);
    expect([first.received.length, second.received.length]).toEqual([0, 2]);
  });

  it('are placed where explain shows it', async () => {
    const { server, second } = await twoReplicas([{ definition: placing('last', (index) => index) }]);
    const answer = await post(`${server.url}/v1/chat/completions`, JSON.stringify(hello));
    await answer.text();
    const explanation = server.runtime.explain(requestId(answer.headers.get('x-entresol-request-id') ?? ''));
    const replica = `openai-compatible=${second.url}`;
    expect(explanation.decisions).toMatchObject([{ decision: 'placement', result: replica, policies: [{ policy: 'last', answer: { scores: { [replica]: 1 } } }] }]);
    expect(explanation.engine.replica).toBe(replica);
  });

  it('are not asked where a policy rules all of them out', async () => {
    const { server, first, second } = await twoReplicas([{ definition: placing('none', () => -Infinity) }]);
    expect(await call(server)).toBe(503);
    expect([first.received.length, second.received.length]).toEqual([0, 0]);
    expect(server.runtime.openRequests).toBe(0);
  });
});
