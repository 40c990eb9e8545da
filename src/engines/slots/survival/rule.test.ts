import { describe, expect, it } from 'vitest';
import { agentId, sessionId, tenantId, workloadId, type CacheTarget, type Event, type UnitId } from '../../../core/index.ts';
import type { SlotResult } from '../slot-manager.ts';
import { StrictIndex } from '../testing/strict-index.ts';
import { freshOutput, joined, makeJob, makeWorld, tokensOf, type Who, type World } from '../testing/world.ts';

const run = (world: World, tokens: Int32Array, who: Who = {}, maxTokens = 4): Promise<SlotResult> =>
  world.clock.runUntil(world.manager.submit(makeJob(tokens, who, { maxTokens })));
const lineage = (session: string, agent = 'a0'): CacheTarget => ({
  kind: 'lineage', tenant: tenantId('local'), workload: workloadId('w'), session: sessionId(session), agent: agentId(agent),
});
const perform = (world: World, ...[intent]: Parameters<World['manager']['perform']>) => world.clock.runUntil(world.manager.perform(intent));

describe('survival', () => {
  it('keeps in the store what the slot must give up, and brings it back', async () => {
    const world = makeWorld({ slots: 1 });
    const first = tokensOf('first', 200);
    await run(world, first, { session: 'a' });
    await run(world, tokensOf('second', 200), { session: 'b' });
    const again = await run(world, joined(first, tokensOf('more', 50)), { session: 'a' });
    expect(again.cachedTokens).toBe(200);
    expect(again.notes[0]).toBe('restored 200 tokens from host');
    expect(world.manager.statistics()).toMatchObject({ saves: 2, restores: 1 });
  });

  it('gives up what is worth least where the memory is smaller than its budget', async () => {
    const world = makeWorld({ slots: 1, storeTokens: 5000 });
    for (const name of ['a', 'b', 'c']) await run(world, tokensOf(name, 200), { session: name });
    world.engine.failNext('save');
    await run(world, tokensOf('d', 200), { session: 'd' });
    expect(['a', 'b', 'c', 'd'].map((name) => world.manager.residentTokens(tokensOf(name, 200), tenantId('local')))).toEqual([0, 200, 200, 200]);
    expect(world.manager.statistics()).toMatchObject({ storeTokens: world.engine.storedTokens, evictions: 1 });
  });

  it('does not give up the state that it is about to restore for the one that makes room for it', async () => {
    const index = new StrictIndex((unit) => (unit >= 7 ? 10 : 0.01));
    const world = makeWorld({ slots: 1, storeTokens: 250, retention: () => index });
    const first = tokensOf('first', 200);
    await run(world, first, { session: 'a' });
    await run(world, tokensOf('second', 200), { session: 'b' });
    const again = await run(world, first, { session: 'a' });
    expect(again.notes[0]).toBe('restored 199 tokens from host');
  });

  it('keeps what the index in force values, though it is the older', async () => {
    const valued = new Set<UnitId>();
    const index = new StrictIndex((unit) => (valued.has(unit) ? 1 : 0.01));
    const world = makeWorld({ slots: 1, storeTokens: 250, retention: () => index });
    const first = tokensOf('first', 200);
    await run(world, first, { session: 'a' });
    for (const event of world.events) if (event.type === 'kv-stored') for (const unit of event.units) valued.add(unit);
    for (const name of ['b', 'c', 'd']) await run(world, tokensOf(name, 200), { session: name });
    expect((await run(world, first, { session: 'a' })).cachedTokens).toBe(199);
    expect(index.complaints).toEqual([]);
  });

  it('falls back to least recently used where no index is in force', async () => {
    const world = makeWorld({ slots: 1, storeTokens: 450 });
    for (const name of ['a', 'b', 'c', 'd']) await run(world, tokensOf(name, 200), { session: name });
    // One lies in the slot, two in the store.
    expect(['a', 'b', 'c', 'd'].map((name) => world.manager.residentTokens(tokensOf(name, 200), tenantId('local')))).toEqual([0, 200, 200, 200]);
  });

  it('says what it kept and what had to go for a call', async () => {
    const world = makeWorld({ slots: 1, storeTokens: 450 });
    const notes: (readonly string[])[] = [];
    for (const name of ['a', 'b', 'c', 'd']) notes.push((await run(world, tokensOf(name, 200), { session: name })).notes);
    expect(notes).toEqual([
      ['computed from the start'],
      ['computed from the start', 'saved 203 of the 203 tokens in its slot'],
      ['computed from the start', 'saved 203 of the 203 tokens in its slot'],
      ['computed from the start', 'saved 203 of the 203 tokens in its slot', 'evicted saved states that were worth less: 1'],
    ]);
    const small = makeWorld({ slots: 1, storeTokens: 100 });
    await run(small, tokensOf('a', 200), { session: 'a' });
    expect((await run(small, tokensOf('b', 200), { session: 'b' })).notes).toContain('let go of the 203 tokens in its slot: held elsewhere, or worth less than what is saved');
  });

  it('takes over when an index comes into force later', async () => {
    let index: StrictIndex | undefined;
    const world = makeWorld({ slots: 2, retention: () => index });
    await run(world, tokensOf('a', 200), { session: 'a' });
    index = new StrictIndex();
    await run(world, tokensOf('b', 200), { session: 'b' });
    await run(world, tokensOf('a', 250), { session: 'a' });
    expect(index.complaints).toEqual([]);
    expect(index.residents).toBeGreaterThan(10);
  });

  it('does not destroy one session\'s history for another that shares its beginning', async () => {
    const world = makeWorld({ slots: 1 });
    const anchor = tokensOf('anchor', 128);
    const mine = joined(anchor, tokensOf('mine', 150));
    await run(world, mine, { session: 'a' });
    const other = await run(world, joined(anchor, tokensOf('yours', 150)), { session: 'b' });
    expect(other.cachedTokens).toBe(128);
    expect((await run(world, mine, { session: 'a' })).cachedTokens).toBe(277);
  });

  it('keeps a shared beginning on its own where nothing else holds it', async () => {
    const index = new StrictIndex((unit) => (unit < 4 ? 5 : 0));
    const world = makeWorld({ slots: 1, storeTokens: 200, retention: () => index });
    const anchor = tokensOf('anchor', 128);
    for (const session of ['a', 'b', 'c']) {
      await run(world, joined(anchor, tokensOf(session, 150)), { session });
      await run(world, tokensOf(`between ${session}`, 300), { session: `${session}'`, agent: 'a1' });
    }
    expect(world.manager.statistics().storeTokens).toBe(128);
    expect((await run(world, joined(anchor, tokensOf('d', 100)), { session: 'd' })).cachedTokens).toBe(128);
  });

  it('lets the call go first whose prefix is resident', async () => {
    const world = makeWorld({ slots: 2 });
    const history = tokensOf('history', 300);
    await run(world, history, { session: 'a' });
    const order: string[] = [];
    const submit = (name: string, tokens: Int32Array, session: string): Promise<unknown> => world.manager.submit(makeJob(tokens, { session }, { maxTokens: 1 })).then(() => { order.push(name); });
    await world.clock.runUntil(Promise.all([
      submit('running', tokensOf('running', 300), 'r'), submit('cold', tokensOf('cold', 300), 'c'), submit('warm', joined(history, tokensOf('x', 5)), 'a'),
    ]));
    expect(order).toEqual(['running', 'warm', 'cold']);
  });

  it('follows the order of the policies where there is one', async () => {
    const world = makeWorld({ slots: 1, order: (waiting) => waiting.map((_, at) => at).reverse() });
    const order: string[] = [];
    await world.clock.runUntil(Promise.all(['a', 'b', 'c'].map((name) => world.manager.submit(makeJob(tokensOf(name, 50), {}, { maxTokens: 1 })).then(() => { order.push(name); }))));
    expect(order).toEqual(['a', 'c', 'b']);
  });

  it('goes on when a policy throws', async () => {
    let faulty = true;
    const index = new StrictIndex(() => { if (faulty) throw new Error('policy fault'); return 1; });
    const world = makeWorld({ slots: 1, parkedCalls: 0, retention: () => index, order: () => { throw new Error('policy fault'); } });
    const outcomes = await world.clock.runUntil(Promise.allSettled(['a', 'b', 'c'].map((name) => world.manager.submit(makeJob(tokensOf(name, 100), { session: name })))));
    expect(outcomes[0].status).toBe('fulfilled');
    faulty = false;
    const next = makeJob(tokensOf('d', 100));
    expect([...(await world.clock.runUntil(world.manager.submit(next))).output]).toEqual([...await freshOutput(next)]);
    expect(world.manager.statistics()).toMatchObject({ running: 0, waiting: 0 });
  });

  it('drops what it cannot read and computes it again', async () => {
    const world = makeWorld({ slots: 1 });
    const first = makeJob(tokensOf('first', 200), { session: 'a' });
    await world.clock.runUntil(world.manager.submit(first));
    await run(world, tokensOf('second', 200), { session: 'b' });
    world.engine.failNext('load');
    const again = await world.clock.runUntil(world.manager.submit(makeJob(first.tokens, { session: 'a' })));
    expect(again.cachedTokens).toBe(0);
    expect([...again.output]).toEqual([...await freshOutput(first)]);
  });

  it('says by events exactly what is resident, and where', async () => {
    const world = makeWorld({ slots: 2, storeTokens: 300 });
    for (const name of ['a', 'b', 'c', 'a', 'd', 'b']) await run(world, tokensOf(name, 170), { session: name });
    await perform(world, { kind: 'demote', target: lineage('b'), tier: 'host' });
    const tiers = new Map<UnitId, string>();
    for (const event of world.events) replay(event, tiers);
    const { slotTokens } = world.manager.statistics();
    expect([...tiers.values()].filter((tier) => tier === 'device')).toHaveLength(Math.floor(slotTokens / 32));
    expect([...tiers.values()].filter((tier) => tier === 'host').length).toBeGreaterThan(0);
  });

  it('performs what policies ask of it', async () => {
    const world = makeWorld({ slots: 2, diskTokens: 600 });
    const prompt = tokensOf('a', 200);
    await run(world, prompt, { session: 'a' });
    expect(await perform(world, { kind: 'demote', target: lineage('a'), tier: 'host' })).toEqual({ status: 'accepted' });
    expect(world.manager.statistics()).toMatchObject({ slotTokens: 0, storeTokens: 203 });
    expect(await perform(world, { kind: 'demote', target: lineage('a'), tier: 'disk' })).toEqual({ status: 'accepted' });
    expect(world.engine.diskTokens).toBe(203);
    expect(await perform(world, { kind: 'restore', target: lineage('a') })).toEqual({ status: 'accepted' });
    expect(world.manager.statistics().slotTokens).toBe(203);
    expect((await run(world, prompt, { session: 'a' })).notes[0]).toBe('extended a slot that holds 199 tokens');
    expect(await perform(world, { kind: 'retain', target: lineage('a'), untilMs: world.clock.nowMs() + 1000 })).toEqual({ status: 'accepted' });
    expect(await perform(world, { kind: 'evict', target: lineage('a') })).toEqual({ status: 'accepted' });
    expect(world.manager.residentTokens(prompt, tenantId('local'))).toBe(0);
    expect((await perform(world, { kind: 'evict', target: lineage('a') })).status).toBe('rejected');
    expect(await perform(world, { kind: 'hedge', request: makeJob(prompt).request.id, replica: 'x' as never })).toEqual({ status: 'unsupported' });
  });

  it('evicts units and leaves what comes before them in the slot', async () => {
    const world = makeWorld({ slots: 1 });
    const prompt = tokensOf('a', 200);
    await run(world, prompt);
    const stored = world.events.flatMap((event) => (event.type === 'kv-stored' ? event.units : []));
    expect(await perform(world, { kind: 'evict', target: { kind: 'units', units: [stored[3]] } })).toEqual({ status: 'accepted' });
    expect(world.manager.residentTokens(prompt, tenantId('local'))).toBe(96);
    expect((await run(world, prompt)).cachedTokens).toBe(96);
  });

  it('yields a lease to what is worth more', async () => {
    const index = new StrictIndex((unit) => (unit >= 7 ? 10 : 1));
    const world = makeWorld({ slots: 1, storeTokens: 250, retention: () => index });
    await run(world, tokensOf('a', 200), { session: 'a' });
    await perform(world, { kind: 'retain', target: lineage('a'), untilMs: 1e9 });
    await run(world, tokensOf('b', 200), { session: 'b' });
    await run(world, tokensOf('c', 200), { session: 'c' });
    expect(world.manager.residentTokens(tokensOf('a', 200), tenantId('local'))).toBe(0);
    expect(world.manager.residentTokens(tokensOf('b', 200), tenantId('local'))).toBe(200);
  });

  it('uses the disk for what the host must give up', async () => {
    const world = makeWorld({ slots: 1, storeTokens: 250, diskTokens: 500 });
    for (const name of ['a', 'b', 'c', 'd']) await run(world, tokensOf(name, 200), { session: name });
    expect([world.engine.storedTokens, world.engine.diskTokens]).toEqual([203, 406]);
    const back = await run(world, tokensOf('a', 220), { session: 'a' });
    expect(back.notes[0]).toBe('restored 200 tokens from disk');
  });
});

function replay(event: Event, tiers: Map<UnitId, string>): void {
  if (event.type === 'kv-stored') for (const unit of event.units) {
    expect(tiers.has(unit)).toBe(false);
    tiers.set(unit, 'device');
  }
  if (event.type === 'kv-removed') for (const unit of event.units) expect(tiers.delete(unit)).toBe(true);
  if (event.type === 'kv-moved') for (const unit of event.units) {
    expect(tiers.has(unit)).toBe(true);
    tiers.set(unit, event.tier);
  }
}
