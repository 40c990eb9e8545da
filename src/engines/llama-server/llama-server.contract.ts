/** What the adapter must do before any llama-server, a real one or the stand-in, as a client sees it. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { discovered } from '../../cli/engine-findings.ts';
import { agentId, LOCAL_TENANT, sessionId, tenantId, workloadId, type CacheTarget, type CallReport, type EngineCall } from '../../core/index.ts';
import { engineCall, RecordingAnswer, RecordingHost } from '../embedded/testing/recording-answer.ts';
import { LlamaServerEngine } from './engine.ts';
import { llamaServerSettings } from './settings.ts';

export interface TestServer {
  readonly url: string;
  /** As a crash and a supervisor would: at the same URL. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Of the server: two slots of at least 512 tokens, where states can be saved. */
export type StartServer = () => Promise<TestServer>;

export const lineageOf = (session: string): CacheTarget => ({ kind: 'lineage', tenant: LOCAL_TENANT, workload: workloadId('w'), session: sessionId(session), agent: agentId('a') });

export const sentence = (subject: string, times = 12): string => `${subject} reads every page twice and writes down what it means. `.repeat(times).trim();

export function callOf(body: object, { session = 's', tenant, signal }: { session?: string; tenant?: string; signal?: AbortSignal } = {}): EngineCall {
  const call = engineCall('messages' in body ? 'chat' : 'completions', body, { session, ...(signal === undefined ? {} : { signal }) });
  return tenant === undefined ? call : { ...call, request: { ...call.request, by: { ...call.request.by, tenant: tenantId(tenant) } } };
}

interface Timings { readonly cache_n: number; readonly prompt_n: number; readonly predicted_n: number }
interface Document { readonly choices: readonly { readonly message?: { readonly content: string }; readonly text?: string }[]; readonly timings: Timings }

export const textOf = (answer: RecordingAnswer): string | undefined => {
  const [choice] = (answer.json as Document).choices;
  return choice.message?.content ?? choice.text;
};

/** What the server says when nothing of what it holds is used. */
export async function freshText(url: string, body: object): Promise<string | undefined> {
  const path = 'messages' in body ? '/v1/chat/completions' : '/v1/completions';
  const response = await fetch(url + path, { method: 'POST', body: JSON.stringify({ ...body, cache_prompt: false }), headers: { 'content-type': 'application/json' } });
  const [choice] = (await response.json() as Document).choices;
  return choice.message?.content ?? choice.text;
}

export function describeLlamaServer(name: string, start: StartServer): void {
  for (const prompts of ['exact', 'text'] as const) describeWith(prompts, `${name}, prompts by ${prompts === 'exact' ? 'tokens' : 'text'}`, start);
}

function describeWith(prompts: 'exact' | 'text', name: string, start: StartServer): void {
  describe(name, () => {
    let server: TestServer;
    let engine: LlamaServerEngine;
    let host: RecordingHost;
    beforeAll(async () => {
      server = await start();
      host = new RecordingHost();
      engine = new LlamaServerEngine({ url: server.url, retryMs: 50 }, llamaServerSettings.parse({ prompts }));
      await engine.start(host);
      await vi.waitUntil(() => engine.discovery() !== undefined, { timeout: 20_000 });
    });
    afterAll(async () => {
      await engine.stop(0);
      await server.stop();
    });

    async function run(body: object, who: { session?: string; tenant?: string; signal?: AbortSignal } = {}): Promise<{ answer: RecordingAnswer; report: CallReport }> {
      const answer = new RecordingAnswer();
      const report = await engine.handle(callOf({ model: 'any', temperature: 0, max_tokens: 4, ...body }, who), answer);
      return { answer, report };
    }
    const user = (content: string): { messages: { role: string; content: string }[] } => ({ messages: [{ role: 'user', content }] });
    /** Where prompts are not counted ahead, what a call finds tells. */
    const residentOf = async (body: object, session: string): Promise<number> => (await engine.inspect!(callOf(body), LOCAL_TENANT))?.residentTokens ?? (await run(body, { session })).report.cachedTokens;

    it('finds out what the server can do', () => {
      const found = engine.discovery()!;
      expect(Object.fromEntries(found.features.map(({ name: feature, available }) => [feature, available]))).toEqual({ slots: 'yes', 'exact prompts': 'yes', 'sees slots': 'yes', 'saves slots': 'yes' });
      expect(engine.capabilities.intents).toEqual(expect.arrayContaining(['retain', 'demote', 'restore', 'prefetch', 'evict', 'cancel']));
    });

    it('counts what the server counts, whole and streamed', async () => {
      const whole = await run(user(sentence('Ann')), { session: 'count' });
      const { cache_n, prompt_n, predicted_n } = (whole.answer.json as Document).timings;
      expect(whole.report).toMatchObject({ status: 'ok', promptTokens: cache_n + prompt_n, cachedTokens: cache_n, outputTokens: predicted_n });
      const streamed = await run({ ...user(sentence('Ann')), stream: true }, { session: 'count' });
      expect(streamed.answer.ended).toBe(true);
      expect(streamed.report).toMatchObject({ status: 'ok', promptTokens: whole.report.promptTokens, cachedTokens: whole.report.promptTokens - 1 });
    });

    it.runIf(prompts === 'exact')('counts a prompt before it is made, to the token', async () => {
      const body = user(sentence('Bea'));
      const counted = await engine.inspect!(callOf(body), LOCAL_TENANT);
      expect(counted!.promptTokens).toBe((await run(body)).report.promptTokens);
      const completion = { prompt: sentence('Bob') };
      expect((await engine.inspect!(callOf(completion), LOCAL_TENANT))!.promptTokens).toBe((await run(completion)).report.promptTokens);
    });

    it('goes on from a longer turn of the same session', async () => {
      const first = await run(user(sentence('Cay')), { session: 'turns' });
      const messages = [...user(sentence('Cay')).messages, { role: 'assistant', content: textOf(first.answer)! }, { role: 'user', content: 'And then?' }];
      const second = await run({ messages }, { session: 'turns' });
      expect(second.report.cachedTokens).toBeGreaterThanOrEqual(first.report.promptTokens - 8);
    });

    it('brings back what three sessions cannot hold in two slots, and answers as a server that holds nothing', async () => {
      const names = ['Dan', 'Eve', 'Fay', 'Dan', 'Eve', 'Fay'];
      const bodyOf = (subject: string): object => ({ ...user(sentence(subject)), temperature: 0, max_tokens: 4 });
      // First, for they take slots of the server's choice.
      const fresh = new Map<string, string | undefined>();
      for (const subject of new Set(names)) fresh.set(subject, await freshText(server.url, bodyOf(subject)));
      const reports: CallReport[] = [];
      for (const subject of names) {
        const { answer, report } = await run(bodyOf(subject), { session: subject });
        expect(textOf(answer)).toBe(fresh.get(subject));
        reports.push(report);
      }
      for (const report of reports.slice(3)) expect(report.cachedTokens).toBeGreaterThan(report.promptTokens / 2);
      expect(reports.slice(3).flatMap(({ notes }) => notes ?? []).some((note) => note.startsWith('restored'))).toBe(true);
    });

    it('is not disturbed by a doctor that looks at it meanwhile', async () => {
      const names = ['Olo', 'Pam', 'Quy'];
      for (const subject of [...names, ...names]) await run(user(sentence(subject)), { session: subject });
      const told = host.troubles.length;
      for (const subject of names) {
        expect(await discovered(`llama-server=${server.url}`)).toEqual(expect.arrayContaining([expect.objectContaining({ result: 'ok', detail: expect.stringContaining('saves slots') })]));
        const { report } = await run(user(sentence(subject)), { session: subject });
        expect(report.cachedTokens).toBe(report.promptTokens - 1);
      }
      expect(host.troubles.slice(told)).toEqual([]);
    });

    it('shares nothing across tenants', async () => {
      const body = user(sentence('Guy'));
      await run(body, { tenant: 'one' });
      expect((await run(body, { tenant: 'one' })).report.cachedTokens).toBeGreaterThan(0);
      for (const session of ['x', 'y', 'z']) expect((await run(body, { tenant: `other-${session}`, session })).report.cachedTokens).toBe(0);
    });

    it('does as policies ask, and says what became of it', async () => {
      const body = user(sentence('Hal'));
      await run(body, { session: 'intents' });
      expect(await residentOf(body, 'intents')).toBeGreaterThan(0);
      const until = performance.now() + 60_000;
      expect(await engine.perform({ kind: 'retain', target: lineageOf('intents'), untilMs: until })).toEqual({ status: 'accepted' });
      expect(await engine.perform({ kind: 'demote', target: lineageOf('intents'), tier: 'host' })).toEqual({ status: 'accepted' });
      expect(await residentOf(body, 'intents')).toBeGreaterThan(0);
      expect(await engine.perform({ kind: 'demote', target: lineageOf('intents'), tier: 'host' })).toMatchObject({ status: 'accepted' });
      expect(await engine.perform({ kind: 'restore', target: lineageOf('intents') })).toEqual({ status: 'accepted' });
      expect(await engine.perform({ kind: 'evict', target: lineageOf('intents') })).toEqual({ status: 'accepted' });
      expect((await run(body, { session: 'intents' })).report.cachedTokens).toBe(0);
      expect(await engine.perform({ kind: 'evict', target: lineageOf('nobody') })).toMatchObject({ status: 'rejected' });
      expect(await engine.perform({ kind: 'demote', target: lineageOf('intents'), tier: 'disk' })).toEqual({ status: 'unsupported' });
    });

    it('ends a call that its client gave up, and serves the next', async () => {
      const abort = new AbortController();
      const answer = new RecordingAnswer();
      answer.onWrite = () => { abort.abort(); };
      const report = await engine.handle(callOf({ model: 'any', ...user(sentence('Ian')), max_tokens: 200, stream: true }, { session: 'aborted', signal: abort.signal }), answer);
      expect(report.status).toBe('cancelled');
      expect((await run(user(sentence('Jan')))).report.status).toBe('ok');
    });

    it('hands on the server\'s own words for what it refuses', async () => {
      const { answer, report } = await run({ messages: 'none' });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(report.status).toBe('error');
      const long = await run(user(sentence('Kim', 2000)));
      expect(long.answer.status).toBe(400);
      expect((await run(user(sentence('Leo')))).report.status).toBe('ok');
    });

    it('knows slots cold after a restart, and has its saved states still', async () => {
      const saved = user(sentence('Max'));
      const inSlot = user(sentence('Nan'));
      const cold = await run(saved, { session: 'saved' });
      expect(await engine.perform({ kind: 'demote', target: lineageOf('saved'), tier: 'host' })).toEqual({ status: 'accepted' });
      await run(inSlot, { session: 'in-slot' });
      const told = host.events.length;
      await server.restart();
      // No call: the next look at its slots shows it.
      await expect.poll(() => host.events.map(({ type }) => type).slice(told), { timeout: 30_000 }).toEqual(expect.arrayContaining(['engine-down', 'engine-up']));
      await expect.poll(() => engine.discovery() !== undefined, { timeout: 20_000 }).toBe(true);
      expect(await residentOf(inSlot, 'in-slot')).toBe(0);
      const warm = await run(saved, { session: 'saved' });
      expect(warm.report.promptTokens).toBe(cold.report.promptTokens);
      expect(warm.report.cachedTokens).toBeGreaterThan(cold.report.promptTokens / 2);
      expect(textOf(warm.answer)).toBe(textOf(cold.answer));
    });
  });
}
