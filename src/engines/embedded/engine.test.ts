import { describe, expect, it } from 'vitest';
import type { CallReport, EngineCall } from '../../core/index.ts';
import { EmbeddedEngine } from './engine.ts';
import type { LlamaTokenEngine } from './llama-token-engine.ts';
import { describeEngine } from '../engine.contract.ts';
import { describeLocalEngine } from './local-engine.contract.ts';
import { TINY_SHAPE } from './synthetic-model/shape.ts';
import { realEngine } from './testing/real-engine.ts';
import { engineCall, RecordingAnswer, RecordingHost } from './testing/recording-answer.ts';

const real = await realEngine();
const tiny = { shape: TINY_SHAPE, contextTokens: 1024, storeTokens: 4096, slots: 3 };

if (real !== undefined) {
  describeLocalEngine('the embedded engine', () => new EmbeddedEngine({ ...tiny, teacherForcing: true }));
  describeEngine('embedded', {
    dialect: 'chat', longTokens: 500,
    body: (text, { maxTokens, stream = false }) => ({ model: TINY_SHAPE.name, messages: [{ role: 'user', content: text.slice(0, 600) }], max_tokens: maxTokens, temperature: 0, stream }),
    start: async () => {
      const engine = new EmbeddedEngine(tiny);
      const host = new RecordingHost();
      await engine.start(host);
      return {
        engine, host, close: () => engine.stop(0),
        restart: async () => {
          const up = host.next('engine-up');
          process.kill((engine.parts.model.tokenEngine as LlamaTokenEngine).processId!, 'SIGKILL');
          await up;
        },
      };
    },
  });
  describeLocalEngine('the embedded engine by llama-server\'s rule', () => new EmbeddedEngine({ ...tiny, teacherForcing: true, slotManager: 'llama-server' }));
}

describe.skipIf(real === undefined)('the embedded engine in trouble', () => {
  it('keeps on disk what leaves host memory', async () => {
    const engine = new EmbeddedEngine({ ...tiny, slots: 1, storeTokens: 300, diskTokens: 2000 });
    await engine.start(new RecordingHost());
    const say = async (session: string): Promise<CallReport> => engine.handle(
      engineCall('chat', { model: TINY_SHAPE.name, messages: [{ role: 'user', content: `Session ${session}: ${'tell me more about it. '.repeat(30)}` }], max_tokens: 4, temperature: 0 }, { session }),
      new RecordingAnswer(),
    );
    for (const session of ['a', 'b', 'c']) await say(session);
    const back = await say('a');
    expect(back.notes?.[0]).toMatch(/^restored \d+ tokens from disk$/u);
    await engine.stop(0);
  });

  it('takes forced answers where its own text is noise, and of a real model only if it was started for them', async () => {
    const forced = (model: string): EngineCall => engineCall('chat', { model, messages: [{ role: 'user', content: 'x' }], entresol_force: { content: 'y' } });
    const noise = new EmbeddedEngine(tiny);
    await noise.start(new RecordingHost());
    const answer = new RecordingAnswer();
    await noise.handle(forced(TINY_SHAPE.name), answer);
    expect(answer.json).toMatchObject({ choices: [{ message: { content: 'y' } }] });
    await noise.stop(0);

    const { modelPath } = real!;
    const own = new EmbeddedEngine({ modelPath, contextTokens: 1024, storeTokens: 1024 });
    await own.start(new RecordingHost());
    await expect(own.handle(forced(own.models()[0].id), new RecordingAnswer())).rejects.toMatchObject({ code: 'ENT_BAD_REQUEST', at: 'entresol_force' });
    await own.stop(0);
  });

  it('fails what is in flight when its process dies, and serves the next call as if nothing had been', async () => {
    const host = new RecordingHost();
    const engine = new EmbeddedEngine(tiny);
    await engine.start(host);
    const body = { model: TINY_SHAPE.name, messages: [{ role: 'user', content: 'Tell me about it.' }], max_tokens: 6, temperature: 0 };
    const before = new RecordingAnswer();
    await engine.handle(engineCall('chat', body), before);

    const up = host.next('engine-up');
    const streaming = new RecordingAnswer();
    streaming.onWrite = () => {
      streaming.onWrite = undefined;
      process.kill((engine.parts.model.tokenEngine as LlamaTokenEngine).processId!, 'SIGKILL');
    };
    await expect(engine.handle(engineCall('chat', { ...body, max_tokens: 500, stream: true }), streaming)).rejects.toMatchObject({ code: 'ENT_ENGINE_CRASHED' });
    expect(JSON.parse(streaming.body.trim().split('\n\ndata: ').at(-1) ?? '')).toMatchObject({ error: { code: 'ENT_ENGINE_CRASHED', message: expect.stringContaining('send the request again') } });
    await up;
    const after = new RecordingAnswer();
    const report = await engine.handle(engineCall('chat', body), after);
    expect(report.cachedTokens).toBe(0);
    expect((after.json as { choices: unknown }).choices).toEqual((before.json as { choices: unknown }).choices);
    expect(host.events.map((event) => event.type).filter((type) => type === 'engine-up' || type === 'engine-down')).toEqual(['engine-up', 'engine-down', 'engine-up']);
    await engine.stop(0);
  });

  it('never goes on from what an idle process that died had held', async () => {
    const host = new RecordingHost();
    const engine = new EmbeddedEngine(tiny);
    await engine.start(host);
    const body = { model: TINY_SHAPE.name, messages: [{ role: 'user', content: 'Tell me about it, at some length. '.repeat(8) }], max_tokens: 12, temperature: 0 };
    const before = new RecordingAnswer();
    await engine.handle(engineCall('chat', body), before);
    const down = new Promise<void>((resolve) => {
      const { emit } = host;
      host.emit = (event) => { emit.call(host, event); if (event.type === 'engine-down') resolve(); };
    });
    process.kill((engine.parts.model.tokenEngine as LlamaTokenEngine).processId!, 'SIGKILL');
    await down;
    // All of them come before it is up again, and wait for it.
    const answers = Array.from({ length: 6 }, () => new RecordingAnswer());
    const reports = await Promise.all(answers.map((answer) => engine.handle(engineCall('chat', body), answer)));
    for (const answer of answers) expect((answer.json as { choices: unknown }).choices).toEqual((before.json as { choices: unknown }).choices);
    expect(reports[0].cachedTokens).toBe(0);
    await engine.stop(0);
  });

  it('starts its process anew when a sequence cannot even be emptied, in place of refusing calls for good', async () => {
    const host = new RecordingHost();
    const engine = new EmbeddedEngine({ ...tiny, slots: 1 });
    await engine.start(host);
    const body = { model: TINY_SHAPE.name, messages: [{ role: 'user', content: 'Tell me about it.' }], max_tokens: 6, temperature: 0 };
    const up = host.next('engine-up');
    // Somebody works on the manager's one sequence behind its back.
    const { tokenEngine } = engine.parts.model;
    let begun = (): void => undefined;
    const begins = new Promise<void>((resolve) => { begun = resolve; });
    const intruder = tokenEngine.generate(0, Int32Array.of(300, 301), { maxTokens: 900, temperature: 0, onToken: () => { begun(); } }).catch((error: unknown) => error);
    await begins;
    await expect(engine.handle(engineCall('chat', body), new RecordingAnswer())).rejects.toMatchObject({ code: 'ENT_ENGINE_CRASHED' });
    await up;
    expect(await intruder).toMatchObject({ code: 'ENT_ENGINE_CRASHED' });
    expect((await engine.handle(engineCall('chat', body), new RecordingAnswer())).status).toBe('ok');
    await engine.stop(0);
  });

  it('names a model file that cannot be read', async () => {
    const engine = new EmbeddedEngine({ ...tiny, modelPath: '/nowhere/model.gguf' });
    await expect(engine.start(new RecordingHost())).rejects.toMatchObject({ code: 'ENT_MODEL_UNREADABLE', at: '/nowhere/model.gguf', message: 'the file cannot be read (ENOENT).' });
  });
});
