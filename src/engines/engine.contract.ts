/** What every engine must do, however it is made: seen through its port, as the gateway sees it. */
import { afterEach, describe, expect, it } from 'vitest';
import { ENGINE_KINDS, EntresolError, INTENT_KINDS, LOCAL_TENANT, agentId, replicaId, requestId, sessionId, toolCallId, unitId, workloadId, type CacheTarget, type CallReport, type Dialect, type Engine, type EngineCall, type Intent, type IntentKind } from '../core/index.ts';
import { engineCall, RecordingAnswer, RecordingHost } from './embedded/testing/recording-answer.ts';

/** One engine that has started, and what a test can do to what is behind it. */
export interface RunningEngine {
  readonly engine: Engine;
  readonly host: RecordingHost;
  /** Ends what computes, as if it had crashed, and has it come back. Resolves when it is up again by its own events. */
  restart?(): Promise<void>;
  close(): Promise<unknown>;
}

export interface EngineSubject {
  readonly dialect: Extract<Dialect, 'chat' | 'completions'>;
  /** A call's body: a prompt that the text decides, and at most so many tokens of output. */
  body(text: string, more: { readonly maxTokens: number; readonly stream?: boolean }): object;
  start(): Promise<RunningEngine>;
  /** Output tokens of a stream that lasts until it is given up. */
  readonly longTokens?: number;
  /** How long it may take to come back from a restart. Default: as long as any test. */
  readonly restartLimitMs?: number;
}

interface Served { readonly answer: RecordingAnswer; readonly report: CallReport }

const TEXT = 'You are a careful researcher. Say what you have found, and where. '.repeat(12);

const lineage: CacheTarget = { kind: 'lineage', tenant: LOCAL_TENANT, workload: workloadId('w'), session: sessionId('nobody'), agent: agentId('nobody') };
const toolCall = { id: toolCallId('t'), by: engineCall('chat', {}).request.by, name: 'read', arguments: {}, argumentsHash: 'h', taint: [] };

function intentsOf(kind: IntentKind): readonly Intent[] {
  const targets: readonly CacheTarget[] = [lineage, { kind: 'units', units: [unitId(1_000_000)] }];
  switch (kind) {
    case 'retain': return targets.map((target) => ({ kind, target, untilMs: 1e12 }));
    case 'demote': return targets.map((target) => ({ kind, target, tier: 'host' }));
    case 'restore': case 'prefetch': case 'evict': return targets.map((target) => ({ kind, target }));
    case 'hedge': return [{ kind, request: requestId('nobody'), replica: replicaId('nobody') }];
    case 'cancel': return [{ kind, request: requestId('nobody'), why: 'a test' }];
    case 'speculate': return [{ kind, toolCall }];
    case 'memoise': return [{ kind, toolCall, result: { content: 'x', isError: false }, ttlMs: 1000 }];
  }
}

/** Documents of a stream, whatever its dialect calls them. */
const tokensIn = (answer: RecordingAnswer): string => answer.events.map((event) => {
  const [choice] = event.choices as { text?: string; delta?: { content?: string } }[];
  return choice?.text ?? choice?.delta?.content ?? '';
}).join('');

export function describeEngine(name: string, subject: EngineSubject): void {
  describe(`the engine contract: ${name}`, () => {
    const open: RunningEngine[] = [];
    afterEach(async () => { for (const running of open.splice(0)) await running.close(); });

    const start = async (): Promise<RunningEngine> => {
      const running = await subject.start();
      open.push(running);
      return running;
    };
    const callOf = (text: string, more: { maxTokens?: number; stream?: boolean } = {}, options: { signal?: AbortSignal; session?: string } = {}): EngineCall =>
      engineCall(subject.dialect, subject.body(text, { maxTokens: 4, ...more }), options);
    const serve = async (engine: Engine, call: EngineCall): Promise<Served> => {
      const answer = new RecordingAnswer();
      return { answer, report: await engine.handle(call, answer) };
    };
    const idle = (engine: Engine): void => { expect(engine.load()).toMatchObject({ runningRequests: 0, waitingRequests: 0 }); };

    it('says that it is up, what it is, and that it is well', async () => {
      const { engine, host } = await start();
      expect(ENGINE_KINDS).toContain(engine.kind);
      expect(host.events.filter(({ type }) => type === 'engine-up' || type === 'engine-down')).toEqual([expect.objectContaining({ type: 'engine-up', replica: engine.replica })]);
      expect(engine.healthy()).toBe(true);
      expect(engine.capabilities.dialects).toContain(subject.dialect);
      idle(engine);
      const { cacheUsedFraction } = engine.load();
      expect(cacheUsedFraction).toBeGreaterThanOrEqual(0);
      expect(cacheUsedFraction).toBeLessThanOrEqual(1);
    });

    it('answers whole: one head, a body, an end, and a report that agrees with it', async () => {
      const { engine } = await start();
      const { answer, report } = await serve(engine, callOf(TEXT));
      expect(answer).toMatchObject({ status: 200, ended: true, destroyed: undefined });
      const { usage } = answer.json as { usage: { prompt_tokens: number; completion_tokens: number; prompt_tokens_details?: { cached_tokens: number } | null } };
      expect(report.status).toBe('ok');
      if (engine.capabilities.countsCachedTokens) {
        expect(report).toMatchObject({ promptTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens, cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0 });
      }
      idle(engine);
    });

    it('streams the same answer, to its end', async () => {
      const { engine } = await start();
      const { answer, report } = await serve(engine, callOf(TEXT, { stream: true }));
      expect(answer).toMatchObject({ status: 200, ended: true });
      expect(tokensIn(answer)).not.toBe('');
      expect(report.status).toBe('ok');
      idle(engine);
    });

    it('counts a prompt that it has seen as cached, where it counts', async () => {
      const { engine } = await start();
      if (!engine.capabilities.countsCachedTokens) return;
      const first = await serve(engine, callOf(TEXT));
      const second = await serve(engine, callOf(TEXT));
      expect(first.report.cachedTokens).toBe(0);
      expect(second.report.cachedTokens).toBeGreaterThan(0);
      expect(second.report.cachedTokens).toBeLessThan(second.report.promptTokens);
      const inspected = await engine.inspect?.(callOf(TEXT), LOCAL_TENANT);
      if (inspected !== undefined) expect(inspected).toMatchObject({ promptTokens: second.report.promptTokens });
    });

    it('serves many at once, and is idle after', async () => {
      const { engine } = await start();
      const served = await Promise.all(Array.from({ length: 12 }, (_, index) => serve(engine, callOf(`${index} ${TEXT}`, { stream: index % 2 === 0 }, { session: `s${index}` }))));
      expect(served.map(({ report }) => report.status)).toEqual(served.map(() => 'ok'));
      idle(engine);
    });

    it('lets go at once of a call whose client leaves in mid-stream, and serves the next', async () => {
      const { engine } = await start();
      const abort = new AbortController();
      const answer = new RecordingAnswer();
      answer.onWrite = () => { abort.abort(); };
      const report = await engine.handle(callOf(TEXT, { stream: true, maxTokens: subject.longTokens ?? 600 }, { signal: abort.signal }), answer);
      expect(report.status).toBe('cancelled');
      expect(answer.ended).toBe(false);
      expect(answer.destroyed).toBeInstanceOf(Error);
      idle(engine);
      expect((await serve(engine, callOf(TEXT))).report.status).toBe('ok');
    });

    it('does nothing for a client that has gone before', async () => {
      const { engine } = await start();
      const abort = new AbortController();
      abort.abort();
      const answer = new RecordingAnswer();
      await expect(engine.handle(callOf(TEXT, {}, { signal: abort.signal }), answer)).rejects.toMatchObject({ code: 'ENT_CANCELLED' });
      expect(answer.status).toBe(0);
      idle(engine);
    });

    it('answers each intent that it declares with an outcome, and every other as unsupported', async () => {
      const { engine } = await start();
      for (const kind of INTENT_KINDS) {
        for (const intent of intentsOf(kind)) {
          const { status } = await engine.perform(intent);
          if (engine.capabilities.intents.includes(kind)) expect(status, kind).not.toBe('unsupported');
          else expect(status, kind).toBe('unsupported');
        }
      }
    });

    it('lets what runs end before it stops, and takes nothing new', async () => {
      const { engine } = await start();
      const answer = new RecordingAnswer();
      let stopped: Promise<void> | undefined;
      answer.onWrite = () => { stopped ??= engine.stop(60_000); };
      const report = await engine.handle(callOf(TEXT, { stream: true, maxTokens: 6 }), answer);
      await stopped;
      expect(report.status).toBe('ok');
      expect(answer.ended).toBe(true);
      const late = new RecordingAnswer();
      await expect(engine.handle(callOf(TEXT), late)).rejects.toBeInstanceOf(EntresolError);
      expect(late.status).toBe(0);
      await engine.stop(0);
    });

    it('says when it goes down and when it is back, and is cold then', async () => {
      const { engine, host, restart } = await start();
      if (restart === undefined) return;
      await serve(engine, callOf(TEXT));
      await restart();
      expect(host.events.map(({ type }) => type).filter((type) => type === 'engine-up' || type === 'engine-down')).toEqual(['engine-up', 'engine-down', 'engine-up']);
      expect(await engine.inspect?.(callOf(TEXT), LOCAL_TENANT) ?? { residentTokens: 0 }).toMatchObject({ residentTokens: 0 });
      const { report } = await serve(engine, callOf(TEXT));
      expect(report.status).toBe('ok');
      if (engine.capabilities.countsCachedTokens) expect(report.cachedTokens).toBe(0);
      expect(engine.healthy()).toBe(true);
    }, subject.restartLimitMs);
  });
}
