/** A gateway that runs before a vLLM that goes wrong in every way that is known, while clients call: they get the server's own bytes, and whoever runs it sees what happened. */
import { Packr } from 'msgpackr';
import { afterEach, expect, it } from 'vitest';
import { closeAll, closeLater, post, until } from '../../../test/support/gateway-setup.ts';
import { rawConnection, rawPost } from '../../../test/support/raw-http.ts';
import { defaultPolicies, startServer, type RunningServer } from '../../cli/compose.ts';
import { enginesOf } from '../../cli/engine-findings.ts';
import { definePolicy, type Coordinate } from '../../core/index.ts';
import { processClock } from '../../runtime/index.ts';
import { sequenceFrame } from '../kv-events/replay.ts';
import { VllmEngine } from './engine.ts';
import { vllmSettings } from './settings.ts';
import { answerTo, halfOf, HostileServer } from './testing/hostile-server.ts';

const HOUR_MS = 3_600_000;
const CLIENTS = 3;
const packr = new Packr({ useRecords: false, variableMapSize: true });
const KINDS = [
  'kv-frame-garbage', 'side-channel-garbage', 'kv-event-malformed', 'kv-event-unknown', 'kv-hash-collision', 'kv-removed-unknown', 'kv-parent-unknown',
  'kv-clock-jump', 'clock-jump', 'error-in-answer', 'no-answer', 'answer-cut',
];

afterEach(closeAll);

interface Scene {
  readonly vllm: HostileServer;
  readonly engine: VllmEngine;
  readonly server: RunningServer;
  /** Moves the gateway's clock. */
  jump(byMs: number): void;
  /** Lets calls in whose session begins with `gated`. */
  openGate(): void;
  told(kind: string): number;
}

async function begin(): Promise<Scene> {
  const vllm = await HostileServer.start();
  closeLater(() => vllm.stop());
  const engine = new VllmEngine({ url: vllm.url, proxy: 'none', firstByteTimeoutMs: 1500, silenceTimeoutMs: 1500, breaker: { failures: 3, openMs: 50 }, retryMs: 50 }, vllmSettings.parse({
    control: { endpoints: vllm.package.endpoint }, kvEvents: { endpoints: vllm.events.endpoint, replayEndpoints: vllm.events.replayEndpoint }, warmUp: { memoryBytes: 2 ** 20, share: 10 },
  }));
  let skewMs = 0;
  let isOpen = false;
  const gate = definePolicy({ name: 'gate', summary: '', decisions: ['admission'], create: ({ clock }) => ({ score: { admission: ({ by }) => (isOpen || !by.session.startsWith('gated') ? { kind: 'allow' } : { kind: 'hold', untilMs: clock.nowMs() + 20 }) } }) });
  const warmer = definePolicy({
    name: 'warmer', summary: '', decisions: [], intents: ['prefetch'],
    create: () => {
      let latest: Coordinate | undefined;
      return {
        observe(event) { if (event.type === 'request-end') latest = event.by; },
        act: ({ kind }) => (kind !== 'step-end' || latest === undefined ? [] : [{ kind: 'prefetch' as const, target: { kind: 'lineage' as const, tenant: latest.tenant, workload: latest.workload, session: latest.session, agent: latest.agent } }]),
      };
    },
  });
  const server = await startServer({
    engines: [engine], clock: { nowMs: () => processClock.nowMs() + skewMs }, log: () => undefined,
    policies: (engines) => [...defaultPolicies(engines), { definition: gate }, { definition: warmer }],
  });
  closeLater(() => server.close(0));
  return { vllm, engine, server, jump: (byMs) => { skewMs += byMs; }, openGate: () => { isOpen = true; }, told: (kind) => server.runtime.engineTroubles(engine.replica)[kind] ?? 0 };
}

const bodyOf = (question: string, stream: boolean): string => JSON.stringify({ model: 'm', messages: [{ role: 'user', content: question }], ...(stream ? { stream, stream_options: { include_usage: true } } : {}) });
const ask = (server: RunningServer, question: string, { stream = false, session = 's' } = {}): Promise<Response> =>
  post(`${server.url}/v1/chat/completions`, bodyOf(question, stream), { 'x-entresol-session': session, 'x-entresol-agent': 'a' });

/** Clients that call all the while. */
class Clients {
  served = 0;
  /** Refused in our own words while nobody answered. */
  refused = 0;
  readonly wrong: string[] = [];
  readonly #server: RunningServer;
  readonly #mayBeRefused: () => boolean;
  #stopping = false;
  #pausing: Promise<void> | undefined;
  readonly #all: Promise<unknown>;

  constructor(server: RunningServer, mayBeRefused: () => boolean) {
    this.#server = server;
    this.#mayBeRefused = mayBeRefused;
    this.#all = Promise.all(Array.from({ length: CLIENTS }, (_, who) => this.#run(who)));
  }

  /** Resolves once so many more have been served. */
  async more(calls = 3 * CLIENTS): Promise<void> {
    const wanted = this.served + calls;
    await until(() => this.served >= wanted || this.wrong.length > 0);
    expect(this.wrong).toEqual([]);
  }

  /** Between two calls of each: nobody calls until it resolves. */
  async pause(meanwhile: () => Promise<void>): Promise<void> {
    this.#pausing = meanwhile();
    await this.#pausing;
    this.#pausing = undefined;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#all;
  }

  async #run(who: number): Promise<void> {
    for (let turn = 0; !this.#stopping; turn++) {
      await this.#pausing;
      const stream = (turn + who) % 2 === 0;
      const question = `client${'.'.repeat(who)} ${turn}`;
      const mayBeRefused = this.#mayBeRefused();
      const said = await ask(this.#server, question, { stream, session: `client ${who}` }).then(async (answer) => ({ status: answer.status, text: await answer.text() }), (error: unknown) => ({ status: 0, text: String(error) }));
      if (said.status === 200 && said.text === answerTo(question, stream)) this.served += 1;
      else if ((mayBeRefused || this.#mayBeRefused()) && isOurError(said)) this.refused += 1;
      else this.wrong.push(`${question}: ${said.status} ${said.text}`);
    }
  }
}

function isOurError({ status, text }: { readonly status: number; readonly text: string }): boolean {
  if (status !== 502 && status !== 503) return false;
  const { error } = JSON.parse(text) as { error: { code: string; message: unknown; type: unknown } };
  return ['ENT_UPSTREAM_FAILED', 'ENT_ENGINE_UNAVAILABLE'].includes(error.code) && typeof error.message === 'string' && typeof error.type === 'string';
}

/** By copies, not only by name. */
function agrees({ engine, vllm }: Scene): boolean {
  const held = vllm.pool.held();
  const cache = engine.link?.mirror.rank(0);
  return cache !== undefined && cache.resident === held.size && [...cache.all()].every(({ key, copies }) => copies === (held.get(key) ?? 0));
}

const stored = (hash: bigint, parent: bigint | null): object => ({ type: 'BlockStored', block_hashes: [hash], parent_block_hash: parent, token_ids: [1, 2, 3, 4], block_size: 4, medium: 'GPU', group_idx: 0, kv_cache_spec_kind: 'full_attention' });

it('every client gets what the server said, and metrics and doctor name what went wrong', async () => {
  const scene = await begin();
  const { vllm, engine, server, told } = scene;
  await until(() => engine.link?.steers === true);
  let maySilence = false;
  const clients = new Clients(server, () => maySilence);
  await clients.more();
  await vllm.package.until('lease');
  const seen = async (...kinds: readonly string[]): Promise<void> => {
    await until(() => kinds.every((kind) => told(kind) > 0));
    await clients.more();
  };

  // Frames that are no messages, of events and of the side channel.
  const sequence = sequenceFrame(vllm.events.next);
  for (const frames of [[''], ['', sequence], ['', sequence, '', ''], ['', Buffer.alloc(7), ''], ['', Buffer.alloc(8, 0xfe), Buffer.alloc(3)], [Buffer.alloc(100_000, 0xa5)]]) await vllm.events.raw(frames);
  for (const frames of [[Buffer.from('x')], [Buffer.alloc(0), Buffer.from([0xc1])], [Buffer.alloc(0), Buffer.alloc(0), Buffer.alloc(0)]]) await vllm.package.raw(frames);
  await seen('kv-frame-garbage', 'side-channel-garbage');

  // Messages that are no MessagePack, break off, claim what they do not hold, or hold what they should not.
  const frameGarbage = told('kv-frame-garbage');
  const dumps = vllm.package.count('dump');
  for (const payload of [Buffer.from([0xc1]), Buffer.from([0x93, 0xcb]), Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]), Buffer.alloc(50_000, 0x91), packr.pack({ events: [] }), Buffer.alloc(0)]) await vllm.garbage(payload);
  await vllm.events.publish([null, 7, [], ['BlockStored'], { type: 'BlockStored', block_hashes: 'x', block_size: -1 }, { type: 'BlockRemoved', block_hashes: [{}] }, { type: 9 }]);
  await until(() => told('kv-frame-garbage') >= frameGarbage + 6);
  await seen('kv-event-malformed');
  // What could not be read may have told of anything: the package is asked what there is.
  await until(() => vllm.package.count('dump') > dumps);

  await vllm.events.publish([{ type: 'BlockTeleported', block_hashes: [1n] }, ['NeverHeardOf', [1n], 'GPU']]);
  await seen('kv-event-unknown');

  // One name for two blocks: as if it followed another than it does.
  const [[one], [other]] = [...vllm.pool.held()].slice(-2);
  await vllm.events.publish([stored(one, other), stored(other, one), stored(one, null)]);
  await seen('kv-hash-collision');

  await vllm.events.publish([{ type: 'BlockRemoved', block_hashes: [0xdead_beefn, 0xdead_bee0n], medium: 'GPU', group_idx: 0 }, stored(0xabcd_ef01n, 0xabcd_ef00n)]);
  await seen('kv-removed-unknown', 'kv-parent-unknown');

  // Both clocks, there and back. Over each jump one stream is open and one call is held.
  const gated = ask(server, 'gated 1', { session: 'gated' });
  await until(() => server.runtime.heldRequests === 1);
  const open = ask(server, 'held 1', { stream: true, session: 'open' });
  await vllm.untilHeld();
  for (const byMs of [-HOUR_MS, 24 * HOUR_MS, -24 * HOUR_MS]) {
    const before = { clock: told('clock-jump'), publisher: told('kv-clock-jump'), leases: vllm.package.count('lease'), flushes: engine.link!.leases.counts.flushes };
    scene.jump(byMs);
    vllm.events.clockAheadSeconds += byMs / 1000;
    await clients.more();
    await until(() => told('clock-jump') > before.clock && told('kv-clock-jump') > before.publisher);
    await until(() => engine.link!.leases.counts.flushes >= before.flushes + 2 && vllm.package.count('lease') > before.leases);
    expect(server.runtime.heldRequests).toBe(1);
  }
  scene.openGate();
  expect(await (await gated).text()).toBe(answerTo('gated 1', false));
  const [whole] = vllm.release();
  expect(await (await open).text()).toBe(whole);
  // Nothing is under way now: only then is anything warmed up, by clocks that have jumped.
  const made = engine.warmUpCounts?.made ?? 0;
  await clients.pause(() => until(() => (engine.warmUpCounts?.made ?? 0) > made));

  // 200, and an error in it.
  for (const text of ['{"error":{"message":"the engine died","type":"internal"}}', '{"object":"error","message":"out of memory","code":500}', 'not JSON at all']) {
    const answer = await ask(server, `error ${text}`);
    expect([answer.status, answer.headers.get('x-theirs'), await answer.text()]).toEqual([200, 'yes', text]);
  }
  await seen('error-in-answer');

  // It accepts and never answers one; stops in the middle of another.
  const never = await ask(server, 'never 1');
  expect(isOurError({ status: never.status, text: await never.text() })).toBe(true);
  const connection = await rawConnection(server.url);
  connection.send(rawPost('/v1/chat/completions', bodyOf('midway 1', true), ['connection: close']));
  const text = await connection.closed();
  expect(text).toContain(halfOf('midway 1'));
  expect(text.endsWith('0\r\n\r\n')).toBe(false);
  await seen('no-answer', 'answer-cut');

  // It answers nobody: the breaker opens, the clock jumps back, and once it answers so do we.
  maySilence = true;
  vllm.isSilent = true;
  const { refused } = clients;
  await until(() => clients.refused >= refused + 2 * CLIENTS || clients.wrong.length > 0);
  scene.jump(-HOUR_MS);
  vllm.isSilent = false;
  await clients.more();
  maySilence = false;

  // A message that cannot be read, once nothing else is under way: what the package then says it holds is what is believed.
  await clients.stop();
  expect(clients.wrong).toEqual([]);
  await until(() => engine.link?.steers === true);
  const [[, subscription]] = [...engine.link!.subscriptions()];
  await until(() => subscription.connected);
  await vllm.garbage(Buffer.from([0xc1]));
  await until(() => subscription.next === vllm.events.next && agrees(scene));
  // And from there on by events alone.
  expect(await (await ask(server, 'afterwards 1')).text()).toBe(answerTo('afterwards 1', false));
  await until(() => subscription.next === vllm.events.next && agrees(scene));

  const page = await (await fetch(`${server.url}/metrics`)).text();
  const troubles = (await enginesOf(server.url)).find(({ check }) => check === `engine ${engine.replica}, troubles`);
  for (const kind of KINDS) {
    expect(page).toMatch(new RegExp(`entresol_engine_troubles_total\\{replica="[^"]+",kind="${kind}"\\} [1-9]`));
    expect(troubles?.detail).toMatch(new RegExp(`(?:^|, )${kind} [1-9]`));
  }
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  await until(() => server.runtime.openRequests === 0);
  expect(engine.load().runningRequests).toBe(0);
}, 120_000);
