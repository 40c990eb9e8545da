/** `GET /v1/models` before several upstreams: one list, each id once, no credential where it does not belong. */
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater } from '../../test/support/gateway-setup.ts';
import { startUpstream, type ScriptedUpstream } from '../../test/support/scripted-upstream.ts';
import { startServer, type RunningServer } from '../cli/compose.ts';
import { OpenAiEngine, type OpenAiEngineOptions } from '../engines/openai/engine.ts';

afterEach(closeAll);

type Kind = OpenAiEngineOptions['kind'];
const openAiList = (...ids: string[]): object => ({ object: 'list', data: ids.map((id) => ({ id, object: 'model', created: 1_700_000_000, owned_by: 'them', extra: 1 })) });
const anthropicList = (...ids: string[]): object => ({ data: ids.map((id) => ({ type: 'model', id, display_name: id.toUpperCase(), created_at: '2026-01-01T00:00:00Z' })), has_more: false, first_id: ids[0], last_id: ids.at(-1) });

async function before(...upstreams: readonly (Partial<OpenAiEngineOptions> & { kind: Kind; list: object; status?: number })[]): Promise<{ server: RunningServer; received: ScriptedUpstream[] }> {
  const received = await Promise.all(upstreams.map(({ list, status = 200 }) => startUpstream((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(list));
  })));
  for (const upstream of received) closeLater(() => upstream.close());
  const engines = upstreams.map(({ list: _list, status: _status, ...options }, index) => new OpenAiEngine({ ...options, url: received[index].url }));
  const server = await startServer({ engines, log: () => undefined });
  closeLater(() => server.close(0));
  return { server, received };
}
const own = { secret: { reveal: () => 'sk-own' } as never, use: 'fallback' } as const;
const get = (server: RunningServer, path: string, headers: Record<string, string> = {}): Promise<Response> => fetch(server.url + path, { headers });
const idsOf = async (answer: Response): Promise<string[]> => ((await answer.json()) as { data: { id: string }[] }).data.map(({ id }) => id);
const headerIn = ({ received: [request] }: ScriptedUpstream, name: string): string | undefined => request.headers.find((_, index, all) => index % 2 === 1 && all[index - 1].toLowerCase() === name);

describe('the models of several upstreams', () => {
  it('are one list, in the order of the command line, each id once', async () => {
    const { server } = await before({ kind: 'openai-compatible', list: openAiList('a', 'org/b') }, { kind: 'openai-compatible', list: openAiList('org/b', 'c') }, { kind: 'anthropic', list: anthropicList('claude'), credential: own });
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'sk', maxRetries: 0 });
    const models = await client.models.list();
    expect(models.data.map(({ id }) => id)).toEqual(['a', 'org/b', 'c', 'claude']);
    expect(models.data[0]).toEqual({ id: 'a', object: 'model', created: 1_700_000_000, owned_by: 'them', extra: 1 });
    expect(models.data[3]).toMatchObject({ id: 'claude', object: 'model', created: 1_767_225_600, owned_by: 'anthropic' });
    expect(await client.models.retrieve('org/b')).toMatchObject({ id: 'org/b', object: 'model' });
    await expect(client.models.retrieve('d')).rejects.toMatchObject({ status: 404, code: 'ENT_UNKNOWN_MODEL' });
    expect((await get(server, '/v1/models/org/b')).status).toBe(200);
  });

  it('tell Anthropic\'s clients in their form of those that Messages can be sent to', async () => {
    const { server, received: [openai] } = await before({ kind: 'openai', list: openAiList('gpt') }, { kind: 'openai-compatible', list: openAiList('own') }, { kind: 'anthropic', list: anthropicList('claude') });
    const answer = await get(server, '/v1/models', { 'anthropic-version': '2023-06-01', 'x-api-key': 'sk-ant' });
    expect(await answer.json()).toMatchObject({
      data: [{ type: 'model', id: 'own', display_name: 'own', created_at: '2023-11-14T22:13:20.000Z' }, { type: 'model', id: 'claude', display_name: 'CLAUDE' }],
      has_more: false, first_id: 'own', last_id: 'claude',
    });
    expect(openai.received).toEqual([]);
    const unknown = await get(server, '/v1/models/gpt', { 'anthropic-version': '2023-06-01' });
    expect([unknown.status, await unknown.json()]).toMatchObject([404, { type: 'error', error: { type: 'not_found_error', code: 'ENT_UNKNOWN_MODEL' } }]);
  });

  it('are asked for with no vendor\'s credential at another vendor, nor at any server beside it', async () => {
    const { server, received: [openai, anthropic, withOwn, local] } = await before(
      { kind: 'openai', list: openAiList('gpt') }, { kind: 'anthropic', list: anthropicList('opus') }, { kind: 'anthropic', list: anthropicList('claude'), credential: own },
      { kind: 'openai-compatible', list: openAiList('local') },
    );
    const answer = await get(server, '/v1/models', { authorization: 'Bearer sk-openai', cookie: 'a=b', 'x-entresol-session': 's' });
    expect(await idsOf(answer)).toEqual(['gpt', 'claude', 'local']);
    expect(headerIn(openai, 'authorization')).toBe('Bearer sk-openai');
    // Without a credential of its own it would answer nobody.
    expect(anthropic.received).toEqual([]);
    expect(answer.headers.get('x-entresol-left-out')).toBe(`anthropic=${anthropic.url}`);
    expect([headerIn(withOwn, 'anthropic-version'), withOwn.received[0].path]).toEqual(['2023-06-01', '/v1/models?limit=1000']);
    expect([headerIn(withOwn, 'authorization'), headerIn(withOwn, 'x-api-key')]).toEqual([undefined, 'sk-own']);
    for (const name of ['authorization', 'cookie']) expect(headerIn(local, name)).toBeUndefined();
    expect(headerIn(openai, 'x-entresol-session')).toBeUndefined();

    await get(server, '/v1/models', { 'anthropic-version': '2023-06-01', 'x-api-key': 'sk-ant' });
    expect(local.received[1].headers.join()).not.toContain('sk-ant');
    expect(anthropic.received[0].headers.join()).toContain('sk-ant');
  });

  it('go to whoever they are asked of where no vendor of the client\'s form is there', async () => {
    const { server, received: [first, second] } = await before({ kind: 'openai-compatible', list: openAiList('a') }, { kind: 'openai-compatible', list: openAiList('b') });
    await get(server, '/v1/models', { authorization: 'Bearer house' });
    expect([headerIn(first, 'authorization'), headerIn(second, 'authorization')]).toEqual(['Bearer house', 'Bearer house']);
  });

  it('are asked for by name where a vendor may know more names than it lists, or where nothing was told', async () => {
    const { server, received: [vendor] } = await before({ kind: 'openai', list: openAiList('gpt') }, { kind: 'openai-compatible', list: openAiList('a') });
    expect((await get(server, '/v1/models/gpt-latest', { authorization: 'Bearer sk' })).status).toBe(200);
    expect(vendor.received.at(-1)?.path).toBe('/v1/models/gpt-latest');
  });

  it('survive a date that is none', async () => {
    const { server } = await before({ kind: 'openai-compatible', list: { object: 'list', data: [{ id: 'odd', created: 1e300 }] } }, { kind: 'openai-compatible', list: openAiList('a') });
    const { data } = await (await get(server, '/v1/models', { 'anthropic-version': '2023-06-01' })).json() as { data: object[] };
    expect(data[0]).toMatchObject({ id: 'odd', created_at: '1970-01-01T00:00:00.000Z' });
  });

  it('leave out, and name, an upstream that tells none; its configured names stay', async () => {
    const { server, received } = await before({ kind: 'openai-compatible', list: openAiList('a') }, { kind: 'openai-compatible', list: { error: 'no' }, status: 500, models: ['listed', 'pattern-*'] }, { kind: 'openai-compatible', list: openAiList('c') });
    await received[2].close();
    const answer = await get(server, '/v1/models');
    expect(answer.headers.get('x-entresol-left-out')).toBe(`openai-compatible=${received[1].url}, openai-compatible=${received[2].url}`);
    expect(await idsOf(answer)).toEqual(['a', 'listed']);
  });

  it('name a model only where calls for it go', async () => {
    const { server } = await before({ kind: 'openai-compatible', list: openAiList('a', 'hidden'), models: ['a'] }, { kind: 'openai-compatible', list: openAiList('a', 'b') });
    const { data } = (await (await get(server, '/v1/models')).json()) as { data: object[] };
    // `a` goes to the first, which lists it; `hidden` would go to the second, which does not have it.
    expect(data).toMatchObject([{ id: 'a' }, { id: 'b' }]);
    expect((await get(server, '/v1/models/hidden')).status).toBe(404);
  });

  it('are the first one\'s own error where none tells any', async () => {
    const { server } = await before({ kind: 'openai', list: { error: { message: 'Who are you?' } }, status: 401 }, { kind: 'openai', list: { error: {} }, status: 401 });
    const answer = await get(server, '/v1/models');
    expect([answer.status, await answer.json()]).toEqual([401, { error: { message: 'Who are you?' } }]);
  });
});
