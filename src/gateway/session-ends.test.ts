/** Every honest sign that a session is over, from the wire to what the learner makes of it. */
import { Agent, request as httpRequest } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, eventsOf, hello, post, setUp, until, type Setup } from '../../test/support/gateway-setup.ts';
import { finishChunk, sse, textChunk, toolChunk, type Script } from '../../test/support/scripted-upstream.ts';
import { definePolicy, LOCAL_TENANT, sessionId, workloadId, type LearnerSource } from '../core/index.ts';

afterEach(closeAll);

/** What the shared learner says, asked as a policy asks it; time stands where the test puts it. */
async function watched(script: Script): Promise<Setup & { time: { ms: number }; ended(session: string): number }> {
  let source: LearnerSource | undefined;
  const watcher = definePolicy({ name: 'watcher', summary: 'Asks the learner.', decisions: [], create: ({ learners }) => {
    source = learners;
    return {};
  } });
  const time = { ms: 1_800_000_000_000 };
  const setup = await setUp(script, { policies: [{ definition: watcher }], clock: { nowMs: () => time.ms }, limits: { connectionGraceMs: 1 } });
  const ended = (session: string): number => {
    const forecast = source?.of(LOCAL_TENANT, workloadId('default')).predict({ kind: 'session-end', session: sessionId(session), nowMs: time.ms });
    return forecast?.kind === 'session-end' ? forecast.probability : Number.NaN;
  };
  return { ...setup, time, ended };
}
const answer = (...chunks: unknown[]): Script => (_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(sse(chunks));
};
const plain = answer(textChunk('x'), finishChunk('stop'));
const call = async ({ server }: Setup, headers: Readonly<Record<string, string>>): Promise<void> => {
  await (await post(`${server.url}/v1/chat/completions`, JSON.stringify({ ...hello, stream: true }), headers)).text();
};
const report = ({ server }: Setup, event: object): Promise<Response> => post(`${server.url}/entresol/v1/events`, JSON.stringify([event]));

/** Calls over connections that the test holds and closes. */
class Connection {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  constructor(private readonly url: string) { closeLater(() => Promise.resolve(this.close())); }
  call(session: string): Promise<void> {
    return new Promise((resolve, reject) => {
      httpRequest(`${this.url}/v1/chat/completions`, { method: 'POST', agent: this.#agent, headers: { 'content-type': 'application/json', 'x-entresol-session': session } }, (response) => {
        response.resume().on('end', resolve);
      }).on('error', reject).end(JSON.stringify({ ...hello, stream: true }));
    });
  }
  close(): void { this.#agent.destroy(); }
}

describe('a session is taken to be over', () => {
  it.each<[string, string, (setup: Setup) => Promise<unknown>, 'explicit' | 'closed']>([
    ['our header', 's1', (setup) => call(setup, { 'x-entresol-session': 's1', 'x-entresol-final': 'true' }), 'explicit'],
    ["a harness's marker", '7a2f', (setup) => call(setup, { 'x-dynamo-session-id': '7a2f', 'x-dynamo-session-final': 'true' }), 'explicit'],
    ['a reported event', 's1', (setup) => report(setup, { type: 'session-end', session: 's1' }), 'explicit'],
    ['a closed MCP session, reported', 's1', (setup) => report(setup, { type: 'session-end', session: 's1', reason: 'closed' }), 'closed'],
  ])('by %s', async (_sign, session, tell, reason) => {
    const setup = await watched(plain);
    await call(setup, session === 's1' ? { 'x-entresol-session': 's1' } : { 'x-dynamo-session-id': session });
    const before = setup.ended(session);
    await tell(setup);
    await until(() => eventsOf(setup.events, 'session-end').length > 0);
    expect(eventsOf(setup.events, 'session-end')).toMatchObject([{ by: { session }, reason }]);
    expect(before).toBeLessThan(0.7);
    expect(setup.ended(session)).toBeGreaterThan(0.9);
  });

  it('by a connection that was its alone and that the client has closed', async () => {
    const setup = await watched(plain);
    const connection = new Connection(setup.server.url);
    for (let step = 0; step < 2; step++) await connection.call('s1');
    expect(setup.ended('s1')).toBeLessThan(0.7);
    connection.close();
    await until(() => eventsOf(setup.events, 'session-end').length > 0);
    expect(eventsOf(setup.events, 'session-end')).toMatchObject([{ by: { session: 's1' }, reason: 'closed' }]);
    expect(setup.ended('s1')).toBeGreaterThan(0.9);
    // It calls again all the same.
    await new Connection(setup.server.url).call('s1');
    expect(eventsOf(setup.events, 'session-start')).toHaveLength(2);
    expect(setup.ended('s1')).toBeLessThan(0.7);
  });

  it('and not by a connection that carried one call, several sessions, or was one of two', async () => {
    const setup = await watched(plain);
    const { url } = setup.server;
    const [once, shared, one, two, last] = Array.from({ length: 5 }, () => new Connection(url));
    await once.call('single');
    for (const session of ['a', 'b', 'a', 'b']) await shared.call(session);
    for (const connection of [one, two, one, two]) await connection.call('pooled');
    for (let step = 0; step < 2; step++) await last.call('last');
    once.close();
    shared.close();
    one.close();
    last.close();
    // By the time that the last has been told of, any other would have been.
    await until(() => eventsOf(setup.events, 'session-end').length > 0);
    expect(eventsOf(setup.events, 'session-end')).toMatchObject([{ by: { session: 'last' } }]);
    two.close();
    await until(() => eventsOf(setup.events, 'session-end').length > 1);
    expect(eventsOf(setup.events, 'session-end')).toMatchObject([{}, { by: { session: 'pooled' } }]);
  });

  it('by an answer without tool calls, where sessions have been seen to end with one', async () => {
    let next: Script = plain;
    const setup = await watched((request, response) => next(request, response));
    const asks = answer(toolChunk(0, 'call_1', 'search', '{}'), finishChunk('tool_calls'));
    const turn = async (session: string, script: Script): Promise<void> => {
      next = script;
      await call(setup, { 'x-entresol-session': session, 'x-entresol-agent': 'coder' });
    };
    for (let session = 0; session < 40; session++) {
      for (const script of [asks, asks, plain]) {
        await turn(`s${session}`, script);
        setup.time.ms += 2000;
      }
      setup.time.ms += 60_000;
    }
    await turn('new', asks);
    const asking = setup.ended('new');
    setup.time.ms += 2000;
    await turn('new', asks);
    setup.time.ms += 2000;
    await turn('new', plain);
    expect(asking).toBeLessThan(0.3);
    expect(setup.ended('new')).toBeGreaterThan(0.6);
  });

  it('and a sign that proves wrong again and again is believed no more', async () => {
    const setup = await watched(plain);
    for (let session = 0; session < 40; session++) {
      for (let step = 0; step < 2; step++) {
        await call(setup, { 'x-entresol-session': `s${session}`, 'x-entresol-final': 'true' });
        setup.time.ms += 2000;
      }
    }
    await call(setup, { 'x-entresol-session': 'new', 'x-entresol-final': 'true' });
    expect(setup.ended('new')).toBeLessThan(0.8);
  });
});
