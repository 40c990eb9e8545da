import { array, assert, constantFrom, nat, property, record } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { definePolicy, requestId, type AgentEvent, type Event, type PolicyDefinition } from '../core/index.ts';
import { bench, coordinate, report, request } from './runtime.fixture.ts';

function spy(): { readonly events: Event[]; readonly definition: PolicyDefinition } {
  const events: Event[] = [];
  return { events, definition: definePolicy({ name: 'spy', summary: 'notes events', create: () => ({ observe: (event) => { events.push(event); } }) }) };
}
const typesOf = (events: readonly Event[]): string[] => events.map((event) => event.type);
const endsOf = (events: readonly Event[], id: string): Event[] => events.filter((event) => event.type === 'request-end' && event.request === id);

describe('one end per arrival', () => {
  it('drops a second end and an end of nothing, and counts them', async () => {
    const { events, definition } = spy();
    const { runtime } = bench({ policies: [{ definition }] });
    runtime.arrive(request('r1'));
    runtime.arrive(request('r1'));
    runtime.finish(requestId('r1'), report());
    runtime.finish(requestId('r1'), report({ status: 'error' }));
    runtime.observe({ type: 'request-end', atMs: 1000, by: coordinate(), request: requestId('r9'), status: 'ok', promptTokens: 1, cachedTokens: 0, outputTokens: 0, tools: [], warmup: false });
    expect(typesOf(events)).toEqual(['session-start', 'request-arrive', 'request-end']);
    expect(runtime.explain(requestId('r1')).status).toBe('ok');
    const metrics = await runtime.metrics.render();
    expect(metrics).toContain('entresol_ignored_events_total{reason="duplicate-end"} 2');
    expect(metrics).toContain('entresol_ignored_events_total{reason="duplicate-arrive"} 1');
    expect(metrics).toContain('entresol_requests_total{status="ok"} 1');
  });

  it('closes what the table has no room for, and what is open at the end', async () => {
    const { events, definition } = spy();
    const { runtime } = bench({ policies: [{ definition }], limits: { openRequests: 2 } });
    for (const id of ['r1', 'r2', 'r3']) runtime.arrive(request(id));
    expect(endsOf(events, 'r1')).toMatchObject([{ status: 'error' }]);
    await runtime.close();
    expect(endsOf(events, 'r2')).toMatchObject([{ status: 'cancelled' }]);
    expect(endsOf(events, 'r3')).toMatchObject([{ status: 'cancelled' }]);
    expect(runtime.openRequests).toBe(0);
  });

  it('ends a long call though more calls than the log keeps have come and gone since', () => {
    const { events, definition } = spy();
    const { runtime } = bench({ policies: [{ definition }], limits: { recentRequests: 2 } });
    runtime.arrive(request('long'));
    for (const id of ['r1', 'r2', 'r3']) {
      runtime.arrive(request(id));
      runtime.finish(requestId(id), report());
    }
    runtime.finish(requestId('long'), report());
    expect(endsOf(events, 'long')).toMatchObject([{ status: 'ok', cachedTokens: 60 }]);
    expect(runtime.openRequests).toBe(0);
    expect(runtime.explain(requestId('long')).status).toBe('ok');
    for (const id of ['r1', 'r2']) expect(() => runtime.explain(requestId(id))).toThrow(expect.objectContaining({ code: 'ENT_UNKNOWN_REQUEST' }));
    for (const id of ['o1', 'o2', 'o3', 'o4']) runtime.arrive(request(id));
    for (const id of ['o1', 'o2', 'o3', 'o4']) runtime.finish(requestId(id), report());
    expect(events.filter((event) => event.type === 'request-end')).toHaveLength(8);
  });

  it('keeps warm-ups out of sessions and measures', async () => {
    const { events, definition } = spy();
    const { runtime } = bench({ policies: [{ definition }] });
    runtime.arrive(request('w1'), { warmup: true });
    runtime.finish(requestId('w1'), report());
    expect(typesOf(events)).toEqual(['request-arrive', 'request-end']);
    expect(runtime.nextStep(coordinate())).toBe(0);
    expect(runtime.agents(coordinate().tenant)).toEqual([]);
    expect(await runtime.metrics.render()).not.toContain('entresol_requests_total{');
  });
});

describe('sessions', () => {
  it('start at the first call, count steps, and end when idle', async () => {
    const { events, definition } = spy();
    const { runtime, time } = bench({ policies: [{ definition }], limits: { sessionIdleMs: 5000 } });
    await runtime.start();
    runtime.arrive(request('r1'));
    runtime.finish(requestId('r1'), report());
    runtime.arrive(request('r2'));
    expect(runtime.nextStep(coordinate())).toBe(2);
    await time.pass(20_000);
    expect(typesOf(events).filter((type) => type.startsWith('session'))).toEqual(['session-start']);
    runtime.finish(requestId('r2'), report());
    await time.pass(4000);
    expect(typesOf(events)).not.toContain('session-end');
    await time.pass(2000);
    expect(events.at(-1)).toMatchObject({ type: 'session-end', reason: 'idle' });
    runtime.arrive(request('r3', { arrivedAtMs: time.nowMs() }));
    expect(typesOf(events).filter((type) => type === 'session-start')).toHaveLength(2);
    expect(runtime.nextStep(coordinate())).toBe(1);
  });

  it('whose connection closed are told of as ended, once, and live on: a call that comes after all goes on with them', () => {
    const { events, definition } = spy();
    const { runtime } = bench({ policies: [{ definition }] });
    runtime.arrive(request('r1'));
    runtime.finish(requestId('r1'), report());
    for (let time = 0; time < 2; time++) runtime.observe({ type: 'session-end', atMs: 10, by: coordinate(), reason: 'closed' });
    expect(runtime.nextStep(coordinate())).toBe(1);
    runtime.arrive(request('r2'));
    runtime.finish(requestId('r2'), report());
    runtime.observe({ type: 'session-end', atMs: 20, by: coordinate(), reason: 'closed' });
    runtime.observe({ type: 'session-end', atMs: 30, by: coordinate(), reason: 'explicit' });
    expect(events.flatMap((event) => (event.type === 'session-end' ? event.reason : event.type === 'session-start' ? 'start' : []))).toEqual(['start', 'closed', 'start', 'closed']);
    expect(runtime.sessions(coordinate().tenant)).toEqual([]);
  });

  it('go on while a call of theirs does, whichever of their connections closes', () => {
    const { events, definition } = spy();
    const { runtime } = bench({ policies: [{ definition }] });
    runtime.arrive(request('r1'));
    runtime.observe({ type: 'session-end', atMs: 10, by: coordinate(), reason: 'closed' });
    expect(typesOf(events)).not.toContain('session-end');
    runtime.finish(requestId('r1'), report());
    runtime.observe({ type: 'session-end', atMs: 20, by: coordinate(), reason: 'closed' });
    expect(events.at(-1)).toMatchObject({ type: 'session-end', atMs: 20, reason: 'closed' });
  });

  it('are bounded: the one idle for longest is ended', () => {
    const { events, definition } = spy();
    const { runtime } = bench({ policies: [{ definition }], limits: { sessions: 2 } });
    for (const session of ['a', 'b', 'c']) {
      runtime.arrive(request(`r-${session}`, { by: coordinate({ session }) }));
      runtime.finish(requestId(`r-${session}`), report());
    }
    expect(events.filter((event) => event.type === 'session-end')).toMatchObject([{ by: { session: 'a' }, reason: 'idle' }]);
    expect(runtime.sessions(coordinate().tenant)).toHaveLength(2);
  });

  it('are found by name, whatever their workload', () => {
    const { runtime } = bench({ policies: [] });
    runtime.arrive(request('r1', { by: coordinate({ session: 's', workload: 'w1' }) }));
    runtime.arrive(request('r2', { by: coordinate({ session: 's', workload: 'w2' }) }));
    expect(runtime.session(coordinate().tenant, coordinate({ session: 's' }).session)?.by.workload).toBe('w2');
    expect(runtime.nextStep(coordinate({ session: 's', workload: 'w1' }))).toBe(1);
  });
});

const step = record({
  type: constantFrom<AgentEvent['type']>('request-arrive', 'request-arrive', 'request-end', 'request-end', 'request-dispatch', 'first-token', 'request-cancel', 'session-start', 'session-end', 'tool-start', 'tool-end'),
  request: nat(5), session: nat(2), gapMs: nat(400),
});

function eventOf(kind: AgentEvent['type'], id: string, session: string, atMs: number): AgentEvent {
  const base = { atMs, by: coordinate({ session }), request: requestId(id) };
  switch (kind) {
    case 'request-arrive': return { ...base, type: kind, model: 'm', promptTokens: 5, warmup: false };
    case 'request-end': return { ...base, type: kind, status: 'ok', promptTokens: 5, cachedTokens: 0, outputTokens: 1, tools: [], warmup: false };
    case 'first-token': return { ...base, type: kind, ttftMs: 1 };
    case 'session-end': return { ...base, type: kind, reason: id === 'r0' ? 'closed' : 'explicit' };
    case 'request-cancel': case 'session-start': return { ...base, type: kind };
    default: return { ...base, type: 'request-cancel' };
  }
}

describe('whatever comes in', () => {
  it('policies see arrivals and ends in pairs, and sessions start before their calls', () => {
    assert(property(array(step, { maxLength: 60 }), (steps) => {
      const { events, definition } = spy();
      const { runtime } = bench({ policies: [{ definition }], limits: { openRequests: 3, sessions: 2, sessionIdleMs: 1000 } });
      let atMs = 1000;
      for (const { type, request: number, session, gapMs } of steps) {
        atMs += gapMs;
        runtime.observe(eventOf(type, `r${number}`, `s${session}`, atMs));
      }
      const open = new Set<string>();
      const live = new Set<string>();
      for (const event of events) {
        if (event.type === 'session-start') { expect(live.has(event.by.session)).toBe(false); live.add(event.by.session); }
        if (event.type === 'session-end') expect(live.delete(event.by.session)).toBe(true);
        if (event.type === 'request-arrive') { expect(live.has(event.by.session)).toBe(true); expect(open.has(event.request)).toBe(false); open.add(event.request); }
        if (event.type === 'request-end') expect(open.delete(event.request)).toBe(true);
        if (event.type === 'first-token' || event.type === 'request-cancel') expect(open.has(event.request)).toBe(true);
      }
      expect(runtime.openRequests).toBe(open.size);
      expect(open.size).toBeLessThanOrEqual(3);
      expect(live.size).toBeLessThanOrEqual(2);
    }), { numRuns: 300 });
  });
});
