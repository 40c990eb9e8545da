/** Against a stand-in; test/dynamo asks the real frontend. */
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, until } from '../../../test/support/gateway-setup.ts';
import { startUpstream, type ScriptedUpstream } from '../../../test/support/scripted-upstream.ts';
import { agentId, instanceId, LOCAL_TENANT, sessionId, tenantId, workloadId, type CacheTarget, type Coordinate, type Engine, type EngineCall } from '../../core/index.ts';
import { engineCall, RecordingAnswer, RecordingHost } from '../embedded/testing/recording-answer.ts';
import { headerIn } from '../upstream/edit-headers.ts';
import { describeUpstream } from '../upstream/upstream.contract.ts';
import { dynamo } from './engine.ts';
import { dynamoStandIn } from './testing/stand-in.ts';

describeUpstream('dynamo, a stand-in', { make: (options) => dynamo.make(options), script: dynamoStandIn });

afterEach(closeAll);

async function before(settings: object = {}, check = false): Promise<{ engine: Engine; host: RecordingHost; server: ScriptedUpstream }> {
  const server = await startUpstream(dynamoStandIn(1));
  closeLater(() => server.close());
  const engine = dynamo.make({ url: server.url, proxy: 'none', ...(check ? { check: { path: '/health', intervalMs: 5, timeoutMs: 2000, failures: 1 } } : {}) }, settings);
  const host = new RecordingHost();
  await engine.start(host);
  closeLater(() => engine.stop(0));
  return { engine, host, server };
}

const callOf = (by: Partial<Coordinate> = {}, more: { final?: boolean; body?: object; headers?: readonly string[] } = {}): EngineCall => {
  const call = engineCall('chat', { model: 'm', messages: [{ role: 'user', content: 'x' }], ...more.body });
  return { ...call, headers: more.headers ?? [], request: { ...call.request, by: { ...call.request.by, ...by }, final: more.final === true } };
};
const target: CacheTarget = { kind: 'lineage', tenant: LOCAL_TENANT, workload: workloadId('w'), session: sessionId('s'), agent: agentId('a') };
const sent = (server: ScriptedUpstream): { header(name: string): string | undefined; body: Record<string, unknown> }[] => server.received.filter(({ method }) => method === 'POST').map(({ headers, body }) => ({ header: (name) => headerIn(headers, name), body: JSON.parse(body.toString()) as Record<string, unknown> }));

describe('dynamo', () => {
  it('tells its version and its workers', async () => {
    const { engine } = await before();
    expect(engine.discovery?.()).toMatchObject({ product: 'Dynamo 1.6.1' });
    expect(engine.discovery?.()?.features[0]).toMatchObject({ available: 'yes', detail: 'one worker' });
  });

  it('is told who is calling, and when a session ends, whatever the client says of that itself', async () => {
    const { engine, server } = await before();
    await engine.handle(callOf({}, { headers: ['X-Dynamo-Session-ID', 'forged', 'x-tenant-id', 'theirs'] }), new RecordingAnswer());
    await engine.handle(callOf({}, { final: true }), new RecordingAnswer());
    await engine.handle(callOf({ instance: instanceId('child'), parent: engineCall('chat', {}).request.by.instance }), new RecordingAnswer());
    const [first, last, child] = sent(server);
    expect(first.header('x-dynamo-session-id')).toMatch(/^[0-9a-f]{32}$/);
    expect([first.header('x-dynamo-session-final'), first.header('x-dynamo-parent-session-id')]).toEqual([undefined, undefined]);
    expect([last.header('x-dynamo-session-id'), last.header('x-dynamo-session-final')]).toEqual([first.header('x-dynamo-session-id'), 'true']);
    expect(child.header('x-dynamo-parent-session-id')).toBe(first.header('x-dynamo-session-id'));
    expect(first.body).toEqual({ model: 'm', messages: [{ role: 'user', content: 'x' }] });
  });

  it('keeps tenants apart by the tenant of the credential, never by what a client sends', async () => {
    const { engine, server } = await before();
    for (const tenant of ['a', 'b']) await engine.handle(callOf({ tenant: tenantId(tenant) }, { headers: ['X-Tenant-ID', 'forged'] }), new RecordingAnswer());
    const [a, b] = sent(server).map(({ header }) => header('x-tenant-id'));
    expect(a).toMatch(/^[0-9a-f]{32}$/);
    expect(b).not.toBe(a);
  });

  it('lets no tenant choose a worker, a session, a cache or a place in the queue; one alone may', async () => {
    const { engine, server } = await before();
    const headers = ['X-Dynamo-Worker-Instance-Id', '7', 'x-dynamo-dp-rank', '1', 'X-Session-Id', 'another\'s', 'x-dynamo-session-final', 'true', 'x-own', 'stays'];
    const nvext = { annotations: ['x'], cache_salt: 'another\'s', backend_instance_id: 7, agent_hints: { priority: 99, strict_priority: 9 }, cache_control: { ttl: '1h' }, what_comes_next: 1 };
    for (const tenant of [tenantId('a'), LOCAL_TENANT]) await engine.handle(callOf({ tenant }, { headers, body: { nvext } }), new RecordingAnswer());
    const [shared, alone] = sent(server);
    expect(shared.body.nvext).toEqual({ annotations: ['x'] });
    for (const name of ['x-dynamo-worker-instance-id', 'x-dynamo-dp-rank', 'x-session-id', 'x-dynamo-session-final']) expect([name, shared.header(name)]).toEqual([name, undefined]);
    expect(shared.header('x-dynamo-session-id')).toMatch(/^[0-9a-f]{32}$/);
    expect([shared.header('x-own'), alone.header('x-dynamo-worker-instance-id')]).toEqual(['stays', '7']);
    expect(alone.body.nvext).toEqual(nvext);
  });

  it('lets no tenant do so on a path that is not read either', async () => {
    const { engine, server } = await before();
    const unread = (body: object, tenant: string | undefined): Promise<unknown> => {
      const call = callOf(tenant === undefined ? {} : { tenant: tenantId(tenant) });
      return Promise.resolve(engine.handle({ ...call, dialect: 'other', path: '/v1/score', parsed: undefined, body: Buffer.from(JSON.stringify(body)) }, new RecordingAnswer()));
    };
    await expect(unread({ nvext: { agent_hints: { priority: 99 } } }, 'a')).rejects.toMatchObject({ code: 'ENT_BAD_REQUEST', at: 'nvext' });
    await unread({ text: 'x' }, 'a');
    await unread({ nvext: {} }, undefined);
    expect(sent(server).map(({ body }) => Object.keys(body))).toEqual([['text'], ['nvext']]);
  });

  it('finds a tenant\'s hints under every spelling and duplicate of their name, and puts its own in their place', async () => {
    const { engine, server } = await before({ speculativePrefill: true });
    const call = callOf({ tenant: tenantId('a') });
    const text = '{"nvext":{"agent_hints":{"priority":9}},"model":"m", "nve\\u0078t" : {"annotations":["y"],"dp_rank":3},"messages":[]}';
    await engine.handle({ ...call, body: Buffer.from(text), parsed: JSON.parse(text) as unknown }, new RecordingAnswer());
    const ours = '{"annotations":["y"],"agent_hints":{"speculative_prefill":true}}';
    expect(server.received.at(-1)!.body.toString()).toBe(`{"nvext":${ours},"model":"m", "nve\\u0078t" : ${ours},"messages":[]}`);
  });

  it('is told what a policy retains, beside what the client asks of it', async () => {
    const { engine, server } = await before({ speculativePrefill: true });
    expect(await engine.perform({ kind: 'retain', target, untilMs: Infinity })).toMatchObject({ status: 'deferred' });
    await engine.handle(callOf({}, { body: { nvext: { annotations: ['x'] } } }), new RecordingAnswer());
    await engine.handle(callOf({ session: sessionId('other') }), new RecordingAnswer());
    await engine.handle(callOf({}, { body: { nvext: { agent_hints: { priority: 1 } } } }), new RecordingAnswer());
    expect(sent(server).map(({ body }) => body.nvext)).toEqual([
      { annotations: ['x'], agent_hints: { priority: 5, speculative_prefill: true } }, { agent_hints: { speculative_prefill: true } }, { agent_hints: { priority: 1 } },
    ]);
  });

  it('is cold when all its workers are others, though its frontend never went away', async () => {
    const { host, server } = await before({}, true);
    server.script(dynamoStandIn(7));
    await until(() => host.events.filter(({ type }) => type === 'engine-up').length === 2);
    expect(host.events.map(({ type }) => type)).toEqual(['engine-up', 'engine-down', 'engine-up']);
  });
});
