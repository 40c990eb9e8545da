import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { LOCAL_TENANT, type CallReport } from '../../core/index.ts';
import { RecordingAnswer, RecordingHost } from '../embedded/testing/recording-answer.ts';
import { describeUpstream } from '../upstream/upstream.contract.ts';
import { LlamaServerEngine } from './engine.ts';
import { callOf, describeLlamaServer, freshText, lineageOf, sentence, textOf } from './llama-server.contract.ts';
import { llamaServerSettings } from './settings.ts';
import { stateOwner, StateFiles } from './state-files.ts';
import { StandInServer, type StandInOptions } from './testing/stand-in.ts';

describeLlamaServer('llama-server (the stand-in)', async () => {
  const server = new StandInServer({ contextTokens: 2048 });
  await server.start();
  return { url: server.url, restart: () => server.restart(), stop: () => server.stop() };
});

const starts = new Map<number, StandInServer>();
describeUpstream('llama-server (the stand-in)', {
  make: (options) => new LlamaServerEngine(options),
  script: (start) => (request, response) => {
    const server = starts.get(start) ?? new StandInServer({ contextTokens: 2048 });
    starts.set(start, server);
    void server.answer(request, response);
  },
});

interface Pair { readonly server: StandInServer; readonly engine: LlamaServerEngine; readonly host: RecordingHost }

const open: Pair[] = [];
async function start(options: StandInOptions = {}, settings: object = {}, faults: (server: StandInServer) => void = () => undefined): Promise<Pair> {
  const server = new StandInServer({ contextTokens: 2048, ...options });
  await server.start();
  faults(server);
  const host = new RecordingHost();
  const engine = new LlamaServerEngine({ url: server.url, retryMs: 20, firstByteTimeoutMs: 5000 }, llamaServerSettings.parse(settings));
  await engine.start(host);
  open.push({ server, engine, host });
  return { server, engine, host };
}
afterEach(async () => {
  for (const { engine, server } of open.splice(0)) {
    await engine.stop(0);
    await server.stop();
  }
});

async function run({ engine }: Pair, body: object, who: { session?: string; tenant?: string } = {}): Promise<{ answer: RecordingAnswer; report: CallReport }> {
  const answer = new RecordingAnswer();
  const report = await engine.handle(callOf(body, who), answer);
  return { answer, report };
}
const user = (content: string): { messages: { role: string; content: string }[] } => ({ messages: [{ role: 'user', content }] });
const feature = ({ engine }: Pair, name: string): { available: string; mend?: string } | undefined => engine.discovery()?.features.find((found) => found.name === name);
const chats = ({ server }: Pair): { body: Readonly<Record<string, unknown>>; socket: number }[] => server.requests.filter(({ path }) => path === '/v1/chat/completions');

describe('what goes to the server', () => {
  it('is what the client sent, with a slot', async () => {
    const pair = await start();
    const call = callOf(user('Say  it.'));
    const body = Buffer.from('{"messages" : [{"role":"user","content":"Say  it.\\ud83d"}], "temperature":1.50,"id_slot":77, "seed":9007199254740993}');
    const answer = new RecordingAnswer();
    await pair.engine.handle({ ...call, body, parsed: JSON.parse(body.toString()) as unknown }, answer);
    const sent = pair.server.requests.find(({ path }) => path === '/v1/chat/completions');
    expect(sent?.text).toMatch(/^\{"messages" : \[\{"role":"user","content":"Say {2}it\.\\ud83d"\}\], "temperature":1\.50,"id_slot":[01], "seed":9007199254740993,"cache_prompt":false\}$/);
  });

  it('leaves a client that wants no cache its wish', async () => {
    const pair = await start();
    await run(pair, { ...user(sentence('Ann')) });
    const second = await run(pair, { ...user(sentence('Ann')), cache_prompt: false });
    expect(second.report.cachedTokens).toBe(0);
  });

  it('names no slot for calls that take several', async () => {
    const pair = await start();
    await run(pair, { ...user('Twice.'), n: 2 });
    await run(pair, { prompt: ['one', 'two'] });
    for (const { body } of pair.server.requests.filter(({ path }) => path.startsWith('/v1/c'))) expect(body).not.toHaveProperty('id_slot');
  });

  it('lets no tenant find what another has left where the server chooses the slot', async () => {
    const pair = await start();
    for (const extra of [{ n: 2, id_slot: 0 }, { n_cmpl: 2 }, { lora: [{ id: 0, scale: 1 }] }]) await run(pair, { ...user('Apart.'), ...extra }, { tenant: 'other' });
    const sent = pair.server.requests.filter(({ path }) => path.startsWith('/v1/c')).map(({ body }) => body);
    expect(sent).toHaveLength(3);
    for (const body of sent) expect(body).toMatchObject({ cache_prompt: false });
    expect(sent[0]).toMatchObject({ id_slot: -1 });
  });

  it('goes on no connection that has carried a stream', async () => {
    const pair = await start();
    for (let turn = 0; turn < 6; turn++) expect((await run(pair, { ...user(`Turn ${turn}.`), stream: turn % 2 === 0 })).report.status).toBe('ok');
    const { requests } = pair.server;
    for (const [at, { path, socket }] of requests.entries()) {
      if (path === '/v1/chat/completions') expect(requests.slice(at + 1).map((later) => later.socket)).not.toContain(socket);
    }
    expect(chats(pair)).toHaveLength(6);
  });

  it('runs at most one call in a slot, whatever waits', async () => {
    const pair = await start();
    pair.server.hold();
    const calls = ['a', 'b', 'c', 'd', 'e'].map((session) => run(pair, { ...user(sentence(session)), stream: true }, { session }));
    await expect.poll(() => pair.server.heldAnswers).toBe(2);
    expect(pair.engine.load()).toMatchObject({ runningRequests: 2, waitingRequests: 3 });
    expect(new Set(chats(pair).map(({ body }) => body.id_slot)).size).toBe(2);
    pair.server.release();
    expect((await Promise.all(calls)).map(({ report }) => report.status)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
  });

  it('computes the next prompt once an answer that comes whole has begun', async () => {
    const pair = await start();
    pair.server.hold();
    const calls = ['a', 'b'].map((session) => run(pair, user(sentence(session)), { session }));
    await expect.poll(() => pair.server.heldAnswers).toBe(2);
    pair.server.release();
    await Promise.all(calls);
  });
});

describe('a server that can do less', () => {
  it('without --slot-save-path keeps what its slots hold, and says which flag would help', async () => {
    const pair = await start({ savesSlots: false });
    expect(feature(pair, 'saves slots')).toMatchObject({ available: 'no', mend: expect.stringContaining('--slot-save-path') });
    expect(pair.engine.capabilities.intents).toEqual(['retain', 'evict', 'cancel']);
    expect(await pair.engine.perform({ kind: 'demote', target: lineageOf('s'), tier: 'host' })).toEqual({ status: 'unsupported' });
    for (const session of ['a', 'b', 'a', 'b']) expect((await run(pair, user(sentence(session)), { session })).report.status).toBe('ok');
    expect((await run(pair, user(sentence('a')), { session: 'a' })).report.cachedTokens).toBeGreaterThan(0);
    expect(pair.server.requests.filter(({ path }) => path.includes('action=save'))).toEqual([]);
  });

  it('without --slots serves all the same', async () => {
    const pair = await start({ showsSlots: false });
    expect(feature(pair, 'sees slots')).toMatchObject({ available: 'no', mend: expect.stringContaining('--slots') });
    expect((await run(pair, user('Hello.'))).report.status).toBe('ok');
  });

  it('without a template for the request compares its text', async () => {
    const pair = await start({}, { prompts: 'exact' });
    pair.server.fault('/apply-template', 'refuse');
    for (const session of ['a', 'b', 'c']) await run(pair, user(sentence(session, 30)), { session });
    expect(await pair.engine.inspect!(callOf(user('Hello.')), LOCAL_TENANT)).toBeUndefined();
    const again = await run(pair, user(sentence('a', 30)), { session: 'a' });
    expect(again.report.cachedTokens).toBeGreaterThan(0);
    expect(textOf(again.answer)).toBe(await freshText(pair.server.url, user(sentence('a', 30))));
  });

  it('that is a router, or something else, is passed through', async () => {
    const pair = await start({}, {}, (server) => { server.fault('/props', 'router'); });
    expect(feature(pair, 'slots')).toMatchObject({ available: 'no' });
    expect((await run(pair, user('Hello.'))).report.status).toBe('ok');
    expect(chats(pair)[0].body).not.toHaveProperty('id_slot');
  });
});

describe('a server that does not say what it is', () => {
  it.each(['refuse', 'garbage', 'error-200'] as const)('(%s) is passed through, and counts as up', async (fault) => {
    const pair = await start({}, {}, (server) => { server.fault('/props', fault); });
    expect(feature(pair, 'slots')).toMatchObject({ available: 'no', mend: expect.stringContaining('apiKey') });
    expect((await run(pair, user('Hello.'))).report.status).toBe('ok');
    expect(chats(pair)[0].body).not.toHaveProperty('id_slot');
    expect(pair.host.events.map(({ type }) => type)).toEqual(['engine-up']);
  });
});

describe('a server that misbehaves', () => {
  it.each(['error-200', 'garbage', 'refuse'] as const)('when states cannot be saved (%s) loses them alone', async (fault) => {
    const pair = await start();
    for (const slot of [0, 1]) pair.server.fault(`/slots/${slot}`, fault);
    for (const session of ['a', 'b', 'c', 'a', 'b', 'c', 'a']) {
      const { answer, report } = await run(pair, user(sentence(session)), { session });
      expect(report.status).toBe('ok');
      expect(textOf(answer)).toBe(await freshText(pair.server.url, user(sentence(session))));
    }
    expect(pair.host.troubles).toContain('slot-save-failed');
  });

  it('when a saved state is another than it was computes it again', async () => {
    const pair = await start();
    for (const session of ['a', 'b', 'c']) await run(pair, user(sentence(session)), { session });
    expect(pair.server.files.size).toBeGreaterThan(1);
    for (const [name, tokens] of pair.server.files) pair.server.files.set(name, tokens.slice(1));
    const { answer, report } = await run(pair, user(sentence('a')), { session: 'a' });
    expect(report).toMatchObject({ status: 'ok', cachedTokens: 0 });
    expect(textOf(answer)).toBe(await freshText(pair.server.url, user(sentence('a'))));
    expect(pair.host.troubles).toContain('slot-restore-failed');
  });

  it('is not asked to restore what another model has computed', async () => {
    const pair = await start();
    for (const session of ['a', 'b', 'c']) await run(pair, user(sentence(session)), { session });
    await pair.server.stop();
    expect(await run(pair, user('Anyone?')).catch((error: unknown) => error)).toMatchObject({ code: 'ENT_ENGINE_UNAVAILABLE' });
    await pair.server.restart(2);
    await expect.poll(() => pair.engine.healthy() && pair.engine.discovery() !== undefined).toBe(true);
    const { answer, report } = await run(pair, user(sentence('a')), { session: 'a' });
    expect(report.cachedTokens).toBe(0);
    expect(textOf(answer)).toBe(await freshText(pair.server.url, user(sentence('a'))));
  });

  it('that is not there at first is found when it comes', async () => {
    const server = new StandInServer();
    await server.start();
    await server.stop();
    const host = new RecordingHost();
    const engine = new LlamaServerEngine({ url: server.url, retryMs: 20 });
    await engine.start(host);
    open.push({ server, engine, host });
    expect(engine.discovery()).toBeUndefined();
    await server.start();
    await expect.poll(() => engine.discovery()?.features[0].available).toBe('yes');
    expect((await run({ server, engine, host }, user('Hello.'))).report.status).toBe('ok');
  });

  it('that answers without timings is counted by what was sent', async () => {
    const pair = await start({ tellsTimings: false });
    const { report } = await run(pair, user(sentence('a')));
    expect(report).toMatchObject({ status: 'ok', cachedTokens: 0 });
    expect(report.promptTokens).toBeGreaterThan(10);
    expect(pair.host.troubles).toContain('no-timings');
  });
});

describe('saved states', () => {
  it('of two servers in one folder are each its own', async () => {
    const files = new Map<string, Int32Array<ArrayBuffer>>();
    const pairs = [await start({ files }), await start({ files })];
    const bodyOf = (session: string, at: number): object => user(sentence(`${session} of ${at}`));
    const fresh = new Map<string, string | undefined>();
    for (const session of ['a', 'b', 'c']) for (const [at, { server }] of pairs.entries()) fresh.set(`${session}${at}`, await freshText(server.url, bodyOf(session, at)));
    const restored = pairs.map(() => 0);
    for (const [turn, session] of ['a', 'b', 'c', 'a', 'b', 'c'].entries()) {
      for (const [at, pair] of pairs.entries()) {
        const { answer, report } = await run(pair, bodyOf(session, at), { session });
        expect(textOf(answer)).toBe(fresh.get(`${session}${at}`));
        if (turn >= 3) expect(report.cachedTokens).toBeGreaterThan(report.promptTokens / 2);
        if (report.notes?.some((note) => note.startsWith('restored')) === true) restored[at] += 1;
      }
    }
    for (const [at, pair] of pairs.entries()) expect([pair.host.troubles, restored[at] > 0]).toEqual([[], true]);
  });

  it('are removed where they can be reached, and no others with them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'entresol-states-'));
    try {
      const [one, two] = ['http://127.0.0.1:1', 'http://127.0.0.1:2'].map((origin) => new StateFiles(folder, stateOwner(origin)));
      const names = [one.nameOf(one.take()), one.nameOf(one.take()), two.nameOf(two.take()), 'entresol-notes.txt'];
      expect(new Set(names).size).toBe(4);
      for (const name of names) await writeFile(join(folder, name), 'x');
      expect(await two.sweep()).toBe(1);
      await one.give(2);
      expect(await readdir(folder)).toEqual(expect.arrayContaining([names[0], names[3]]));
      // The next run before the same server.
      expect(await new StateFiles(folder, stateOwner('http://127.0.0.1:1')).sweep()).toBe(1);
      expect(await readdir(folder)).toEqual([names[3]]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('stay within their room, and their names are used again', async () => {
    // A token takes a KiB here: room for about three of these prompts.
    const pair = await start({}, { stateMiB: 0.5 });
    for (let turn = 0; turn < 24; turn++) await run(pair, user(sentence(`session ${turn}`)), { session: String(turn) });
    const bytes = [...pair.server.files.values()].reduce((sum, tokens) => sum + tokens.length * 1024, 0);
    expect(pair.server.files.size).toBeGreaterThan(2);
    expect(bytes).toBeLessThan(2 * 0.5 * 2 ** 20);
    expect((await run(pair, user(sentence('session 23')), { session: '23' })).report.cachedTokens).toBeGreaterThan(0);
  });

  it('are none where there is no room for any', async () => {
    const pair = await start({}, { stateMiB: 0 });
    for (const session of ['a', 'b', 'c', 'a']) await run(pair, user(sentence(session)), { session });
    expect(pair.server.requests.filter(({ path }) => path.includes('action=restore'))).toEqual([]);
    expect(pair.engine.capabilities.intents).toEqual(['retain', 'evict', 'cancel']);
  });
});
