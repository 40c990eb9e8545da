/** Against a stand-in for llm-d's gateway, which passes calls through and answers with the headers that its plugins set. */
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater } from '../../../test/support/gateway-setup.ts';
import { speak, startUpstream, type Script, type ScriptedUpstream } from '../../../test/support/scripted-upstream.ts';
import { LOCAL_TENANT, sessionId, tenantId, workloadId, type Coordinate, type Engine, type EngineCall } from '../../core/index.ts';
import { engineCall, RecordingAnswer, RecordingHost } from '../embedded/testing/recording-answer.ts';
import { headerIn } from '../upstream/edit-headers.ts';
import { describeUpstream } from '../upstream/upstream.contract.ts';
import { llmd } from './engine.ts';

/** With a session token, as its session-affinity plugin sets it; a gateway itself has no page that says what it is. */
const gateway: Script = (request, response) => {
  if (request.method === 'GET') {
    response.writeHead(404).end();
    return undefined;
  }
  response.setHeader('x-session-token', Buffer.from(`pod-${request.body.length % 2}`).toString('base64'));
  return speak('An answer of the stand-in.')(request, response);
};

describeUpstream('llm-d, a stand-in', { make: (options) => llmd.make(options), script: () => gateway });

afterEach(closeAll);

async function before(settings: object = {}): Promise<{ engine: Engine; server: ScriptedUpstream }> {
  const server = await startUpstream(gateway);
  closeLater(() => server.close());
  const engine = llmd.make({ url: server.url, proxy: 'none' }, settings);
  await engine.start(new RecordingHost());
  closeLater(() => engine.stop(0));
  return { engine, server };
}
const callOf = (by: Partial<Coordinate> = {}, more: { final?: boolean; headers?: readonly string[] } = {}): EngineCall => {
  const call = engineCall('chat', { model: 'm', messages: [{ role: 'user', content: 'x' }] });
  return { ...call, headers: more.headers ?? [], request: { ...call.request, by: { ...call.request.by, ...by }, final: more.final === true } };
};
const sent = (server: ScriptedUpstream, name: string): (string | undefined)[] => server.received.filter(({ method }) => method === 'POST').map(({ headers }) => headerIn(headers, name));
const serve = async (engine: Engine, ...calls: readonly EngineCall[]): Promise<void> => { for (const call of calls) await engine.handle(call, new RecordingAnswer()); };

describe('llm-d', () => {
  it('gets a fairness id of the tenant\'s workload, and never one that a client made up', async () => {
    const { engine, server } = await before();
    await serve(engine, callOf({}, { headers: ['X-LLM-D-Inference-Fairness-ID', 'forged', 'x-gateway-inference-fairness-id', 'forged', 'x-gateway-destination-endpoint-subset', '10.0.0.1:80'] }), callOf({ session: sessionId('other') }), callOf({ workload: workloadId('v') }), callOf({ tenant: tenantId('b') }));
    const ids = sent(server, 'x-llm-d-inference-fairness-id');
    expect(ids[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(ids[1]).toBe(ids[0]);
    expect(new Set(ids).size).toBe(3);
    expect([...sent(server, 'x-gateway-inference-fairness-id'), ...sent(server, 'x-gateway-destination-endpoint-subset')].filter((value) => value !== undefined)).toEqual([]);
  });

  it('gets the objective of the workload', async () => {
    const { engine, server } = await before({ objective: 'standard', objectives: { chat: 'premium' }, fairness: 'off', ttftMs: 500 });
    await serve(engine, callOf({ workload: workloadId('chat') }), callOf({}, { headers: ['x-llm-d-inference-objective', 'theirs', 'x-llm-d-slo-ttft-ms', '90'] }));
    expect(sent(server, 'x-llm-d-inference-objective')).toEqual(['premium', 'standard']);
    expect(sent(server, 'x-llm-d-inference-fairness-id')).toEqual([undefined, undefined]);
    expect(sent(server, 'x-llm-d-slo-ttft-ms')).toEqual(['500', '90']);
  });

  it('lets no tenant choose a replica, an objective, a session or another\'s cache; one alone may, but for replicas', async () => {
    const { engine, server } = await before({ ttftMs: 500 });
    const headers = ['X-Prefiller-Host-Port', '10.0.0.1:80', 'x-llm-d-inference-objective', 'premium', 'X-Gateway-Inference-Objective', 'premium', 'x-slo-ttft-ms', '1', 'x-llm-d-slo-ttft-ms', '1', 'session-id', 'another', 'x-session-token', 'another', 'X-Vllm-Priority', '-9'];
    const fields = { priority: -9, kv_transfer_params: { remote_host: '10.0.0.1' }, vllm_xargs: { entresol_lease: [1, 2], theirs: 'y' } };
    for (const tenant of [tenantId('a'), LOCAL_TENANT]) {
      const call = callOf({ tenant }, { headers });
      const parsed = { ...(call.parsed as object), ...fields };
      await engine.handle({ ...call, parsed, body: Buffer.from(JSON.stringify(parsed)) }, new RecordingAnswer());
    }
    const names = headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    const [shared, alone] = server.received.filter(({ method }) => method === 'POST');
    expect(names.map((name) => [name, headerIn(shared.headers, name)])).toEqual(names.map((name) => [name, name === 'x-llm-d-slo-ttft-ms' ? '500' : undefined]));
    expect(JSON.parse(shared.body.toString())).toMatchObject({ priority: 0, kv_transfer_params: null, vllm_xargs: { theirs: 'y' } });
    expect(shared.body.toString()).not.toContain('entresol_lease');
    expect(names.map((name) => headerIn(alone.headers, name))).toEqual([undefined, 'premium', 'premium', '1', '1', 'another', 'another', '-9']);
    expect(JSON.parse(alone.body.toString())).toMatchObject(fields);
  });

  it('lets no tenant do so on a path that is not read either', async () => {
    const { engine, server } = await before();
    const unread = (body: object, tenant: string | undefined): Promise<unknown> => {
      const call = callOf(tenant === undefined ? {} : { tenant: tenantId(tenant) });
      return Promise.resolve(engine.handle({ ...call, dialect: 'other', path: '/v1/score', parsed: undefined, body: Buffer.from(JSON.stringify(body)) }, new RecordingAnswer()));
    };
    for (const [name, body] of Object.entries({ priority: { priority: -9 }, kv_transfer_params: { kv_transfer_params: {} }, entresol_lease: { vllm_xargs: { entresol_lease: [1, 2] } } })) {
      await expect(unread(body, 'a')).rejects.toMatchObject({ code: 'ENT_BAD_REQUEST', at: name });
    }
    await unread({ text: 'x' }, 'a');
    await unread({ priority: 1 }, undefined);
    expect(server.received.filter(({ path }) => path === '/v1/score')).toHaveLength(2);
  });

  it('gets its session token back with the lineage\'s next call, until the last', async () => {
    const { engine, server } = await before();
    await serve(engine, callOf(), callOf(), callOf({ session: sessionId('other') }), callOf({}, { headers: ['x-session-token', 'own'] }), callOf({}, { final: true }), callOf());
    const [first, second, other, own, last, again] = sent(server, 'x-session-token');
    expect([first, other, own, again]).toEqual([undefined, undefined, 'own', undefined]);
    expect(second).toMatch(/^cG9kL/);
    expect(last).toBe(second);
  });
});
