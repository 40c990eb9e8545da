/** The examples as a user runs them: loaded from their files, hosted by the real runtime. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { LOCAL_TENANT, replicaId, requestId, toolCallId, unitId, type RetentionIndex, type ToolCallView } from '../../src/core/index.ts';
import { loadPolicy, renderExplanation } from '../../src/runtime/index.ts';
import { bench, coordinate, report, request, settled, type Bench } from '../../src/runtime/runtime.fixture.ts';

const path = (name: string): string => fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
async function host(name: string, parameters: Record<string, unknown> = {}): Promise<Bench> {
  return bench({ policies: [{ definition: await loadPolicy(path(name)), parameters }] });
}

it.each(['shortest-prompt-first', 'max-concurrent-sessions', 'block-destructive-tools', 'often-and-lately'])('%s is under 40 lines', (name) => {
  expect(readFileSync(path(name), 'utf8').trimEnd().split('\n').length).toBeLessThan(40);
});

describe('shortest-prompt-first', () => {
  it('lets the request with the least to prefill go first, and none starve', async () => {
    const { runtime, time } = await host('shortest-prompt-first');
    const long = request('long', { promptTokens: 900, arrivedAtMs: time.nowMs() });
    const cached = request('cached', { promptTokens: 1000, residentTokens: 990, arrivedAtMs: time.nowMs() });
    const short = request('short', { promptTokens: 100, arrivedAtMs: time.nowMs() });
    expect(runtime.order([long, short, cached])).toEqual([2, 1, 0]);
    await time.pass(30_000);
    expect(runtime.order([long, request('new', { promptTokens: 1, arrivedAtMs: time.nowMs() })])).toEqual([0, 1]);
  });
});

describe('max-concurrent-sessions', () => {
  it('holds new sessions, never a running one, and lets the next in when one ends', async () => {
    const { runtime, time } = await host('max-concurrent-sessions', { sessions: 1 });
    const went: string[] = [];
    const send = (id: string, session: string): void => {
      const view = request(id, { by: coordinate({ session }), arrivedAtMs: time.nowMs() });
      runtime.arrive(view);
      void runtime.admit(view).then((verdict) => went.push(`${id} ${verdict.kind}`));
    };
    send('a1', 'a');
    send('b1', 'b');
    send('c1', 'c');
    send('a2', 'a');
    await settled();
    expect(went).toEqual(['a1 allow', 'a2 allow']);
    for (const id of ['a1', 'a2']) runtime.finish(requestId(id), report());
    await time.pass(5000);
    expect(went).toHaveLength(2);
    runtime.observe({ type: 'session-end', atMs: time.nowMs(), by: coordinate({ session: 'a' }), reason: 'explicit' });
    await time.pass(1000);
    expect(went.slice(2)).toEqual(['b1 allow']);
    expect(renderExplanation(runtime.explain(requestId('c1')))).toContain('hold');
  });
});

describe('often-and-lately', () => {
  it('evicts what was used seldom and long ago, children before parents', async () => {
    const { runtime } = await host('often-and-lately', { halfLifeMs: 1000 });
    const index = runtime.retention(LOCAL_TENANT, replicaId('e1')) as RetentionIndex;
    for (const [id, parent] of [[0], [1, 0], [2, 0], [3, 0]]) index.define({ id: unitId(id), sizeBlocks: 1, marginalPrefillMs: 1, ...(parent === undefined ? {} : { parent: unitId(parent) }) });
    const use = (nowMs: number, ...units: number[]): void => index.touch({ by: coordinate(), units: Int32Array.from(units), first: 0, origin: 'prompt' }, nowMs);
    for (let nowMs = 1000; nowMs < 1008; nowMs++) use(nowMs, 0, 1);
    use(1010, 0, 2);
    use(9000, 0, 3);
    for (const id of [0, 1, 2, 3]) index.setResident(unitId(id), true);
    expect([...index.victims(4, () => false, 9000)]).toEqual([2, 1, 3, 0]);
  });
});

describe('block-destructive-tools', () => {
  const call = (name: string, taint: readonly string[] = []): ToolCallView => ({ id: toolCallId('t'), by: coordinate(), name, arguments: {}, argumentsHash: 'h', taint });

  it('denies by name, and lets the rest be', async () => {
    const { runtime } = await host('block-destructive-tools');
    const verdicts = ['delete_file', 'rm', 'db.drop', 'read_file', 'format_text', 'confirm', 'skill'].map((name) => runtime.toolCall(call(name)).kind);
    expect(verdicts).toEqual(['deny', 'deny', 'deny', 'allow', 'deny', 'allow', 'allow']);
  });

  it('asks a person if told to, but not after untrusted data', async () => {
    const { runtime } = await host('block-destructive-tools', { approve: true });
    expect(runtime.toolCall(call('delete_file')).kind).toBe('approve');
    expect(runtime.toolCall(call('delete_file', ['web']))).toMatchObject({ kind: 'deny', code: 'ENT_REJECTED_BY_POLICY' });
  });
});
