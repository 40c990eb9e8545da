import { request as httpRequest } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, hello, post, setUp, type Setup } from '../../test/support/gateway-setup.ts';
import { speak } from '../../test/support/scripted-upstream.ts';
import { definePolicy, tenantId, workloadId } from '../core/index.ts';
import { createLogger, logSink } from '../telemetry/index.ts';
import { hashOfKey, KeyRing, newKey } from './access/index.ts';

afterEach(closeAll);

const [aliceKey, bobKey, adminKey] = [newKey(), newKey(), newKey()];
const keys = (): KeyRing => new KeyRing([
  { name: 'alice', hash: hashOfKey(aliceKey), tenant: tenantId('alice'), workload: workloadId('trail'), admin: false },
  { name: 'bob', hash: hashOfKey(bobKey), tenant: tenantId('bob'), admin: false },
  { name: 'operator', hash: hashOfKey(adminKey), tenant: tenantId('operators'), admin: true },
]);
const thrower = definePolicy({ name: 'thrower', summary: 'Throws, so that there is a log.', create: () => ({ observe: (event) => { throw new Error(JSON.stringify(event)); } }) });
const chat = ({ server }: Setup, headers: Readonly<Record<string, string>>): Promise<Response> => post(`${server.url}/v1/chat/completions`, JSON.stringify(hello), headers);
const read = async ({ server }: Setup, path: string, key: string): Promise<{ status: number; text: string }> => {
  const answer = await fetch(server.url + path, { headers: { 'x-entresol-key': key } });
  return { status: answer.status, text: await answer.text() };
};

describe('tenants', () => {
  it('come from the key alone; nobody calls without one', async () => {
    const setup = await setUp(speak('x'), { keys: keys() });
    const refusal = await chat(setup, { authorization: 'Bearer sk-upstream', 'x-entresol-session': 's' });
    expect([refusal.status, refusal.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="entresol"']);
    expect(await refusal.json()).toMatchObject({ error: { code: 'ENT_UNAUTHORIZED', type: 'authentication_error' } });
    expect((await chat(setup, { 'x-api-key': aliceKey })).status).toBe(200);
    expect((await fetch(`${setup.server.url}/healthz`)).status).toBe(200);
    expect(setup.upstream.received).toHaveLength(1);
    expect(setup.upstream.received[0].headers.join('\n')).not.toContain(aliceKey);
  });

  it('may have any Host: a page knows no key', async () => {
    const { server } = await setUp(speak('x'), { keys: keys() });
    const status = await new Promise<number | undefined>((resolve, reject) => {
      httpRequest(`${server.url}/v1/models`, { headers: { host: 'llm.example.com', 'x-entresol-key': bobKey } }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      }).on('error', reject).end();
    });
    expect(status).toBe(200);
  });

  it('share neither sessions nor agents nor explanations, whatever ids they claim', async () => {
    const setup = await setUp(speak('x'), { keys: keys() });
    const claim = { 'x-entresol-session': 'same', 'x-entresol-agent': 'same' };
    const id = (await chat(setup, { ...claim, 'x-entresol-key': aliceKey })).headers.get('x-entresol-request-id') ?? '';
    await chat(setup, { ...claim, 'x-entresol-key': bobKey });
    await chat(setup, { ...claim, 'x-entresol-key': bobKey });
    const sessions = async (key: string): Promise<unknown> => (JSON.parse((await read(setup, '/entresol/v1/sessions', key)).text) as { sessions: unknown }).sessions;
    expect(await sessions(aliceKey)).toMatchObject([{ calls: 1, by: { tenant: 'alice', workload: 'trail' } }]);
    expect(await sessions(bobKey)).toMatchObject([{ calls: 2, by: { tenant: 'bob', workload: 'default' } }]);
    expect((await read(setup, `/entresol/v1/explain/${id}`, aliceKey)).status).toBe(200);
    expect((await read(setup, `/entresol/v1/explain/${id}`, bobKey)).status).toBe(404);
    expect((await read(setup, `/entresol/v1/explain/${id}?tenant=alice`, bobKey)).status).toBe(404);
    expect((await read(setup, `/entresol/v1/explain/${id}?tenant=alice`, adminKey)).status).toBe(200);
    const log = async (key: string, path = '/entresol/v1/explain'): Promise<unknown> => (await read(setup, path, key)).text.split('\n').filter(Boolean).map((line) => (JSON.parse(line) as { tenant: string }).tenant);
    expect([await log(aliceKey), await log(bobKey), await log(adminKey)]).toEqual([['alice'], ['bob', 'bob'], []]);
    expect([await log(bobKey, '/entresol/v1/explain?tenant=alice'), await log(adminKey, '/entresol/v1/explain?tenant=alice')]).toEqual([['bob', 'bob'], ['alice']]);
  });

  it('join no conversation of another: a tool call\'s id means nothing elsewhere', async () => {
    const setup = await setUp(speak('x'), { keys: keys() });
    const turns = [{ role: 'user', content: 'go' }, { role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'f', arguments: '{}' } }] }, { role: 'tool', tool_call_id: 'call_1', content: '1' }];
    const send = (key: string, messages: unknown): Promise<Response> => post(`${setup.server.url}/v1/chat/completions`, JSON.stringify({ model: 'm', messages }), { 'x-entresol-key': key });
    await send(aliceKey, turns);
    await send(aliceKey, [...turns, { role: 'user', content: 'more' }]);
    await send(bobKey, [...turns, { role: 'user', content: 'more' }]);
    expect(setup.server.runtime.sessions(tenantId('alice'))).toMatchObject([{ calls: 2 }]);
    expect(setup.server.runtime.sessions(tenantId('bob'))).toMatchObject([{ calls: 1 }]);
  });

  it('are told how much is kept of them, and nobody of others but an admin', async () => {
    const setup = await setUp(speak('x'), { keys: keys() });
    await post(`${setup.server.url}/v1/chat/completions`, JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'go' }] }), { 'x-entresol-key': aliceKey });
    const sessionsOf = async (key: string, query = ''): Promise<unknown> => (JSON.parse((await read(setup, `/entresol/v1/state${query}`, key)).text) as { liveSessions: number }).liveSessions;
    expect(await sessionsOf(aliceKey)).toBe(1);
    expect(await sessionsOf(bobKey, '?tenant=alice')).toBe(0);
    expect(await sessionsOf(adminKey, '?tenant=alice')).toBe(1);
  });

  it('are told nothing about others: metrics and policies are for admin keys', async () => {
    const setup = await setUp(speak('x'), { keys: keys() });
    for (const path of ['/metrics', '/entresol/v1/policies']) {
      expect(JSON.parse((await read(setup, path, bobKey)).text), path).toMatchObject({ error: { code: 'ENT_ADMIN_ONLY' } });
      expect((await read(setup, path, adminKey)).status, path).toBe(200);
    }
    const switching = await post(`${setup.server.url}/entresol/v1/policies`, '{"name":"x","mode":"off"}', { 'x-entresol-key': bobKey });
    expect(switching.status).toBe(403);
  });

  it('leave no key, credential or text in the log', async () => {
    const lines: string[] = [];
    const log = logSink(createLogger({ destination: { write: (line) => { lines.push(line); } } }));
    const setup = await setUp((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"choices":[{"index":0,"delta":{"content":"the-answer-text"}}]}\n\n');
      response.destroy();
    }, { keys: keys(), log, policies: [{ definition: thrower }] });
    const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'the-secret-prompt' }] });
    const send = (headers: Readonly<Record<string, string>>): Promise<unknown> => post(`${setup.server.url}/v1/chat/completions`, body, headers).then((answer) => answer.text()).catch((error: unknown) => error);
    await send({ 'x-entresol-key': aliceKey, authorization: 'Bearer sk-upstream-secret', cookie: 'id=the-cookie' });
    await send({ authorization: `Bearer ${newKey()}`, cookie: 'id=the-cookie' });
    await setup.upstream.close();
    await send({ 'x-entresol-key': bobKey, authorization: 'Bearer sk-upstream-secret' });
    const text = lines.join('');
    expect(text).toContain('thrower');
    for (const secret of [aliceKey, bobKey, 'entresol_', 'sk-upstream-secret', 'the-cookie', 'the-secret-prompt', 'the-answer-text']) expect(text).not.toContain(secret);
  });
});
