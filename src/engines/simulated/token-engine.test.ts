import { describe, expect, it } from 'vitest';
import type { GenerateOptions } from '../slots/token-engine.ts';
import { tokensOf } from '../slots/testing/world.ts';
import { SimulatedTokenEngine } from './token-engine.ts';
import { prefillMs, stateMs } from './token-cost.ts';
import { VirtualClock } from './virtual-clock.ts';

const greedy = (maxTokens: number, more: Partial<GenerateOptions> = {}): GenerateOptions => ({ maxTokens, temperature: 0, onToken: () => {}, ...more });

function make(): { clock: VirtualClock; engine: SimulatedTokenEngine } {
  const clock = new VirtualClock();
  return { clock, engine: new SimulatedTokenEngine({ clock, sequences: 2, contextTokens: 256, batchTokens: 64 }) };
}

describe('simulated token engine', () => {
  it('answers by what the sequence holds, however it came to hold it', async () => {
    const { clock, engine } = make();
    const prompt = tokensOf('prompt', 100);
    const whole = await clock.runUntil(engine.generate(0, prompt, greedy(5)));
    await clock.runUntil(engine.prefill(1, prompt.subarray(0, 30)));
    const saved = await clock.runUntil(engine.save(1));
    await engine.trim(1, 0);
    await clock.runUntil(engine.prefill(1, tokensOf('other', 50)));
    const other = await clock.runUntil(engine.generate(1, prompt.subarray(30), greedy(5)));
    await clock.runUntil(engine.load(1, saved));
    const restored = await clock.runUntil(engine.generate(1, prompt.subarray(30), greedy(5)));
    expect([...restored.output]).toEqual([...whole.output]);
    expect([...other.output]).not.toEqual([...whole.output]);
    expect(whole).toMatchObject({ stop: 'length', length: 104 });
  });

  it('charges batches, positions and states', async () => {
    const { clock, engine } = make();
    await clock.runUntil(engine.prefill(0, tokensOf('p', 100)));
    const expected = 2 * engine.cost.batchMs + prefillMs(engine.cost, 64, 0) + prefillMs(engine.cost, 36, 64);
    expect(clock.nowMs()).toBeCloseTo(expected, 9);
    const saved = await clock.runUntil(engine.save(0));
    expect(clock.nowMs()).toBeCloseTo(expected + stateMs(engine.cost, 100), 9);
    expect(saved.tokens).toBe(100);
    expect(await engine.cpuMs()).toBeCloseTo(clock.nowMs(), 9);
  });

  it('decodes before it takes up prompts', async () => {
    const { clock, engine } = make();
    const times: number[] = [];
    const short = engine.generate(0, tokensOf('a', 10), greedy(3, { onToken: () => { times.push(clock.nowMs()); } }));
    await clock.run(4);
    const long = engine.generate(1, tokensOf('b', 200), greedy(1));
    await clock.runUntil(short);
    // Each further token came with one batch, in which the long prompt had what room was left.
    expect(times).toHaveLength(3);
    expect(times[2] - times[1]).toBeGreaterThan(engine.cost.decodeMs);
    expect((await clock.runUntil(long)).length).toBe(200);
  });

  it('stops between batches when it is paused, and goes on', async () => {
    const { clock, engine } = make();
    const done = engine.generate(0, tokensOf('a', 200), greedy(2));
    await clock.run(1);
    await clock.runUntil(engine.pause());
    const computed = engine.prefilledTokens;
    await clock.run(clock.nowMs() + 1000);
    expect(engine.prefilledTokens).toBe(computed);
    expect(computed).toBeLessThan(200);
    engine.resume();
    expect((await clock.runUntil(done)).output).toHaveLength(2);
  });

  it('ends an aborted generation between batches with what there is', async () => {
    const { clock, engine } = make();
    const abort = new AbortController();
    const done = engine.generate(0, tokensOf('a', 200), greedy(2, { signal: abort.signal }));
    await clock.run(30);
    abort.abort();
    const result = await clock.runUntil(done);
    expect(result.stop).toBe('cancelled');
    expect([...engine.contentOf(0)]).toEqual([...tokensOf('a', 200).subarray(0, result.length)]);
    expect(result.length).toBeLessThan(200);
  });

  it('fails everything in work when it crashes, and comes back empty', async () => {
    const { clock, engine } = make();
    const saving = engine.prefill(1, tokensOf('b', 20)).then(() => engine.save(1));
    const saved = await clock.runUntil(saving);
    const outcome = Promise.allSettled([engine.generate(0, tokensOf('a', 100), greedy(2)), engine.save(1)]);
    await clock.run(clock.nowMs() + 0.2);
    engine.crash();
    expect((await clock.runUntil(outcome)).map((one) => one.status === 'rejected' && (one.reason as { code: string }).code)).toEqual(['ENT_ENGINE_CRASHED', 'ENT_ENGINE_CRASHED']);
    await expect(engine.trim(0, 0)).rejects.toMatchObject({ code: 'ENT_ENGINE_CRASHED' });
    engine.restart();
    expect(engine.contentOf(0)).toHaveLength(0);
    await expect(clock.runUntil(engine.load(0, saved))).rejects.toMatchObject({ code: 'ENT_STATE_CORRUPT' });
  });

  it('refuses two operations at a time on one sequence', async () => {
    const { clock, engine } = make();
    const first = engine.prefill(0, tokensOf('a', 10));
    await expect(engine.prefill(0, tokensOf('a', 10))).rejects.toMatchObject({ code: 'ENT_INTERNAL' });
    await clock.runUntil(first);
  });
});
