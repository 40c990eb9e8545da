import { describe, expect, it } from 'vitest';
import { definePolicy, requestId, type PolicyDefinition } from '../core/index.ts';
import { bench, coordinate, report, request, settled } from './runtime.fixture.ts';

/** At most `slots` requests at once, counted as they are admitted. */
function atMost(slots: number, untilMs: (nowMs: number) => number = (nowMs) => nowMs + 60_000): PolicyDefinition {
  return definePolicy({
    name: 'at-most', summary: '', decisions: ['admission'],
    create: ({ clock }) => {
      const running = new Set<string>();
      return {
        observe(event) {
          if (event.type === 'request-admit') running.add(event.request);
          if (event.type === 'request-end') running.delete(event.request);
        },
        score: { admission: () => (running.size < slots ? { kind: 'allow' } : { kind: 'hold', untilMs: untilMs(clock.nowMs()) }) },
      };
    },
  });
}

describe('held requests', () => {
  it('go one by one as others end, and all of them go', async () => {
    const { runtime, time } = bench({ policies: [{ definition: atMost(1) }] });
    const went: string[] = [];
    for (const id of ['r1', 'r2', 'r3']) {
      runtime.arrive(request(id));
      void runtime.admit(request(id)).then((verdict) => went.push(`${id} ${verdict.kind}`));
    }
    await settled();
    expect(went).toEqual(['r1 allow']);
    expect(runtime.heldRequests).toBe(2);
    for (const [id, next] of [['r1', 'r2 allow'], ['r2', 'r3 allow']]) {
      runtime.finish(requestId(id), report());
      await time.pass(1);
      expect(went.at(-1)).toBe(next);
    }
    expect(runtime.heldRequests).toBe(0);
    expect(runtime.explain(requestId('r3')).decisions.map(({ result, asked }) => [result, asked])).toEqual([['hold', 2], ['allow', 1]]);
  });

  it('go in the order in force', async () => {
    const longest = definePolicy({
      name: 'longest', summary: '', decisions: ['order'], role: 'rank',
      create: () => ({ score: { order: (waiting, scores) => waiting.forEach((each, index) => { scores[index] = each.promptTokens; }) } }),
    });
    const { runtime, time } = bench({ policies: [{ definition: atMost(1) }, { definition: longest }] });
    const went: string[] = [];
    for (const [id, promptTokens] of [['r1', 1], ['r2', 10], ['r3', 90]] as const) {
      runtime.arrive(request(id, { promptTokens }));
      void runtime.admit(request(id, { promptTokens })).then(() => went.push(id));
    }
    runtime.finish(requestId('r1'), report());
    await time.pass(1);
    expect(went).toEqual(['r1', 'r3']);
  });

  it('are asked again when their time comes', async () => {
    let open = false;
    const later = definePolicy({ name: 'later', summary: '', decisions: ['admission'], create: ({ clock }) => ({ score: { admission: () => (open ? { kind: 'allow' } : { kind: 'hold', untilMs: clock.nowMs() + 100 }) } }) });
    const { runtime, time } = bench({ policies: [{ definition: later }] });
    const verdict = runtime.admit(request('r1'));
    await time.pass(99);
    open = true;
    expect(runtime.heldRequests).toBe(1);
    await time.pass(1);
    await expect(verdict).resolves.toEqual({ kind: 'allow' });
  });

  it('are rejected when held for too long, by a policy that says "until now" too', async () => {
    const { runtime, time } = bench({ policies: [{ definition: atMost(0, (nowMs) => nowMs) }], limits: { maximumHoldMs: 50 } });
    const verdict = runtime.admit(request('r1'));
    await time.pass(50);
    await expect(verdict).resolves.toMatchObject({ kind: 'reject', code: 'ENT_OVERLOADED' });
  });

  it('are rejected beyond the bound', async () => {
    const { runtime } = bench({ policies: [{ definition: atMost(0) }], limits: { heldRequests: 1 } });
    void runtime.admit(request('r1')).catch(() => undefined);
    await expect(runtime.admit(request('r2'))).resolves.toMatchObject({ kind: 'reject', code: 'ENT_OVERLOADED' });
  });

  it('end when the client goes or the runtime closes', async () => {
    const { runtime } = bench({ policies: [{ definition: atMost(0) }] });
    const client = new AbortController();
    const gone = runtime.admit(request('r1'), client.signal);
    const drained = runtime.admit(request('r2', { by: coordinate({ session: 's2' }) }));
    client.abort();
    await expect(gone).rejects.toMatchObject({ code: 'ENT_CANCELLED' });
    await expect(runtime.admit(request('r3'), client.signal)).rejects.toMatchObject({ code: 'ENT_CANCELLED' });
    const failed = expect(drained).rejects.toMatchObject({ code: 'ENT_DRAINING' });
    await runtime.close();
    await failed;
    await expect(runtime.admit(request('r4'))).rejects.toMatchObject({ code: 'ENT_DRAINING' });
    expect(runtime.heldRequests).toBe(0);
  });
});
