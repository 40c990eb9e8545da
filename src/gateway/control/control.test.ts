import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, eventsOf, hello, post, setUp, until } from '../../../test/support/gateway-setup.ts';
import { speak, sse, textChunk, usageChunk } from '../../../test/support/scripted-upstream.ts';
import { type RunningServer } from '../../cli/compose.ts';
import { definePolicy, LOCAL_TENANT, replicaId, sessionId, tenantId, type TenantId } from '../../core/index.ts';
import { coordinate } from '../../runtime/runtime.fixture.ts';

afterEach(closeAll);

describe('control', () => {
  const get = async (server: RunningServer, path: string): Promise<Record<string, unknown>> => (await (await fetch(server.url + path)).json()) as Record<string, unknown>;

  it('explains a request: identity with sources, decisions, engine, counts', async () => {
    const { client, server } = await setUp(speak('x'));
    const { response } = await client.chat.completions.create(hello, { headers: { 'x-entresol-session': 's1', 'x-session-id': 'other' } }).withResponse();
    const explanation = await get(server, `/entresol/v1/explain/${response.headers.get('x-entresol-request-id')}`);
    expect(explanation).toMatchObject({
      status: 'ok',
      identity: { session: { value: 's1', source: 'header:x-entresol-session', confidence: 1 }, agent: { source: 'fingerprint' }, conflicts: [{ field: 'session', value: 'other', source: 'header:x-session-id' }] },
      engine: { replica: expect.stringContaining('openai-compatible='), notes: ['upstream answered 200'] },
      end: { promptTokens: 12, cachedTokens: 8 },
    });
    expect((await fetch(`${server.url}/entresol/v1/explain/req_none`)).status).toBe(404);
  });

  it('shows metrics, agents and sessions', async () => {
    const { client, server } = await setUp(speak('x'));
    await client.chat.completions.create(hello, { headers: { 'x-entresol-session': 's1', 'x-entresol-agent': 'coder' } });
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toContain('entresol_requests_total{status="ok"} 1');
    expect(metrics).toContain('entresol_tokens_total{kind="cached"} 8');
    expect(metrics).toContain('entresol_ttft_milliseconds_count 1');
    expect(metrics).toContain('entresol_identity_total{field="agent",source="header:x-entresol-agent"} 1');
    expect(await get(server, '/entresol/v1/agents')).toMatchObject({ agents: [{ agent: 'coder', calls: 1 }] });
    expect(await get(server, '/entresol/v1/sessions')).toMatchObject({ sessions: [{ by: { session: 's1' }, calls: 1 }] });
  });

  it('tells how much it keeps in mind, in sizes that grow with use, and nothing of what it is', async () => {
    const counter = definePolicy({
      name: 'counter', summary: 'Counts calls.', decisions: [],
      create: () => {
        const seen: number[] = [];
        return { observe: () => { seen.push(7); }, snapshot: () => Uint8Array.from(seen) };
      },
    });
    const { client, server } = await setUp(speak('x'), { policies: [{ definition: counter }] });
    expect(await get(server, '/entresol/v1/state')).toEqual({ saved: false, liveSessions: 0, workloads: [], policies: [], engines: [] });
    const call = (session: string): Promise<unknown> => client.chat.completions.create(hello, { headers: { 'x-entresol-session': session, 'x-entresol-workload': 'secret-free' } });
    await call('the-session');
    await until(() => server.runtime.openRequests === 0);
    const before = await get(server, '/entresol/v1/state') as { workloads: { learnedBytes: number }[]; policies: { learned: number }[] };
    expect(before).toMatchObject({ liveSessions: 1, workloads: [{ workload: 'secret-free' }], policies: [{ policy: 'counter', working: 0, ghosts: 0 }] });
    expect(before.workloads[0].learnedBytes).toBeGreaterThan(0);
    expect(before.workloads[0].learnedBytes).toBeLessThanOrEqual(20 * 1024);
    expect(before.policies[0].learned).toBeGreaterThan(0);
    await call('another');
    await until(() => server.runtime.openRequests === 0);
    const after = await get(server, '/entresol/v1/state') as typeof before;
    expect(after).toMatchObject({ liveSessions: 2 });
    expect(after.policies[0].learned).toBeGreaterThan(before.policies[0].learned);
    expect(JSON.stringify(after)).not.toMatch(/the-session|hello/);
  });

  const refuser = definePolicy({
    name: 'refuser', summary: 'Rejects everything.', decisions: ['admission'],
    create: () => ({ score: { admission: () => ({ kind: 'reject', code: 'ENT_REJECTED_BY_POLICY', why: 'it always does', retryAfterMs: 1500 }) } }),
  });

  it('rejects as policies say, until they are switched off', async () => {
    const { client, server, upstream, events } = await setUp(speak('x'), { policies: [{ definition: refuser }] });
    const rejection = await client.chat.completions.create(hello).catch((error: unknown) => error as InstanceType<typeof OpenAI.APIError>);
    expect(rejection).toMatchObject({ status: 429, code: 'ENT_REJECTED_BY_POLICY' });
    expect((rejection as InstanceType<typeof OpenAI.APIError>).headers?.get('retry-after')).toBe('2');
    expect(upstream.received).toHaveLength(0);
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'rejected' }]);
    expect(await get(server, '/entresol/v1/policies')).toMatchObject({ policies: [{ name: 'refuser', mode: 'on' }] });
    const switched = await post(`${server.url}/entresol/v1/policies`, JSON.stringify({ name: 'refuser', mode: 'off' }));
    expect(await switched.json()).toMatchObject({ policies: [{ name: 'refuser', mode: 'off' }] });
    expect((await client.chat.completions.create(hello)).choices).toHaveLength(1);
    expect((await post(`${server.url}/entresol/v1/policies`, '{"name":"refuser","mode":"sideways"}')).status).toBe(400);
    expect((await post(`${server.url}/entresol/v1/policies`, '{"name":"nobody","mode":"on"}')).status).toBe(400);
  });

  it('holds a request until a policy lets it go, and forgets one whose client leaves', async () => {
    let open = false;
    const gate = definePolicy({
      name: 'gate', summary: 'Holds until opened.', decisions: ['admission'],
      create: ({ clock }) => ({ score: { admission: () => (open ? { kind: 'allow' } : { kind: 'hold', untilMs: clock.nowMs() + 5 }) } }),
    });
    const { client, server, upstream } = await setUp(speak('x'), { policies: [{ definition: gate }] });
    const leaving = new AbortController();
    const left = client.chat.completions.create(hello, { signal: leaving.signal }).catch((error: unknown) => error);
    const held = client.chat.completions.create(hello);
    await until(() => server.runtime.heldRequests === 2);
    leaving.abort();
    expect(await left).toBeInstanceOf(Error);
    await until(() => server.runtime.heldRequests === 1);
    expect(upstream.received).toHaveLength(0);
    open = true;
    expect((await held).choices).toHaveLength(1);
    expect(upstream.received).toHaveLength(1);
  });

  it('takes events of frameworks about sessions it knows, and streams what it observes', async () => {
    const { client, server, events } = await setUp(speak('x'));
    const stream = await fetch(`${server.url}/entresol/v1/events`);
    await client.chat.completions.create(hello, { headers: { 'x-entresol-session': 's1', 'x-entresol-agent': 'coder' } });
    const reported = await post(`${server.url}/entresol/v1/events`, JSON.stringify([
      { type: 'tool-start', session: 's1', name: 'search', toolCallId: 'call_1' },
      { type: 'tool-end', session: 's1', name: 'search', toolCallId: 'call_1', durationMs: 12 },
      { type: 'tool-end', session: 'nobody', name: 'search', durationMs: 12 },
      { type: 'session-end', session: 's1' },
    ]));
    expect(await reported.json()).toEqual({ accepted: 3, unknownSessions: [2] });
    expect(eventsOf(events, 'tool-end')).toMatchObject([{ by: { session: 's1', agent: 'coder' }, durationMs: 12 }]);
    expect(eventsOf(events, 'session-end')).toMatchObject([{ reason: 'explicit' }]);
    const wrong = await post(`${server.url}/entresol/v1/events`, '[{"type":"tool-end","session":"s1","name":"x"}]');
    expect(await wrong.json()).toMatchObject({ error: { code: 'ENT_BAD_REQUEST', param: 'body[0].durationMs' } });
    let text = '';
    for await (const part of stream.body ?? []) {
      text += Buffer.from(part as Uint8Array).toString();
      if (text.includes('event: session-end')) break;
    }
    expect(text).toContain('event: request-end\ndata: {');
  });

  it('streams what is about the client\'s tenant and what engines tell, and nothing of another tenant', async () => {
    const { server } = await setUp(speak('x'));
    const stream = await fetch(`${server.url}/entresol/v1/events`);
    const start = (tenant: TenantId, session: string): void => server.runtime.observe({ type: 'session-start', atMs: 0, by: { ...coordinate(), tenant, session: sessionId(session) } });
    start(tenantId('another'), 'theirs');
    server.runtime.observe({ type: 'engine-up', atMs: 0, replica: replicaId('of-all') });
    start(LOCAL_TENANT, 'ours');
    let text = '';
    for await (const part of stream.body ?? []) {
      text += Buffer.from(part as Uint8Array).toString();
      if (text.includes('ours')) break;
    }
    expect(text).toContain('of-all');
    expect(text).not.toContain('theirs');
  });

  it('ends the session when the client says that it was its last call', async () => {
    const { client, events } = await setUp(speak('x'));
    await client.chat.completions.create(hello, { headers: { 'x-entresol-session': 's1', 'x-entresol-final': 'true' } });
    expect(events.map((event) => event.type)).toEqual(expect.arrayContaining(['session-start', 'request-arrive', 'request-end', 'session-end']));
    expect(eventsOf(events, 'session-end')).toMatchObject([{ by: { session: 's1' }, reason: 'explicit' }]);
  });

  it('reads usage that the client asked for itself', async () => {
    const { client, events } = await setUp((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(sse([textChunk('x', 'stop'), usageChunk(100, 90, 1)]));
    });
    const stream = client.chat.completions.stream({ ...hello, stream_options: { include_usage: true } });
    await stream.done();
    expect(eventsOf(events, 'request-end')).toMatchObject([{ promptTokens: 100, cachedTokens: 90, outputTokens: 1 }]);
  });
});
