import { fork, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EntresolError } from '../../core/index.ts';
import type { GenerateOptions } from '../slots/token-engine.ts';
import { childPath } from './child-path.ts';
import { ChildSupervisor } from './child-supervisor.ts';
import { LlamaTokenEngine } from './llama-token-engine.ts';
import type { StartOptions } from './protocol.ts';
import { realEngine, someTokens, startTiny } from './testing/real-engine.ts';

const real = await realEngine();
const greedy = (maxTokens: number, more: Partial<GenerateOptions> = {}): GenerateOptions => ({ maxTokens, temperature: 0, onToken: () => undefined, ...more });

/** A file system with room for one state of 900 tokens, where we may mount one. */
function mountSmallDisk(): string | undefined {
  const path = mkdtempSync(join(tmpdir(), 'entresol-small-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=300k', 'tmpfs', path], { stdio: 'ignore' }).status === 0;
  if (mounted) return path;
  rmdirSync(path);
  process.stderr.write('\n*** SKIPPED: a full disk under saved states: no file system can be mounted here\n\n');
  return undefined;
}
const smallDisk = real === undefined ? undefined : mountSmallDisk();
afterAll(() => {
  if (smallDisk === undefined) return;
  spawnSync('umount', [smallDisk]);
  rmdirSync(smallDisk);
});

describe.skipIf(real === undefined)('llama.cpp in its own process', () => {
  const downs: string[] = [];
  let ups = 0;
  let upAgain: (() => void) | undefined;
  let engine: LlamaTokenEngine;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entresol-states-of-test-'));
    engine = await startTiny(real!, { stateParent: folder, events: { onDown: (error: EntresolError) => downs.push(error.code), onUp: () => { ups++; upAgain?.(); } } });
  });
  afterAll(async () => {
    await engine?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('decodes as many tokens as asked and says each as it comes', async () => {
    const seen: number[] = [];
    const result = await engine.generate(0, someTokens(300), greedy(12, { onToken: (token) => { seen.push(token); } }));
    expect(result.stop).toBe('length');
    expect(Array.from(result.output)).toEqual(seen);
    expect(seen).toHaveLength(12);
    expect(result.length).toBe(300 + 11);
    await engine.trim(0, 0);
  });

  it('gives the same draw for the same seed and another for another', async () => {
    const draws: string[] = [];
    for (const seed of [1, 1, 2]) {
      const { output } = await engine.generate(0, someTokens(40), greedy(12, { temperature: 1.5, seed }));
      await engine.trim(0, 0);
      draws.push(output.join(' '));
    }
    expect(draws[1]).toBe(draws[0]);
    expect(draws[2]).not.toBe(draws[0]);
  });

  it('draws the same tokens in two pieces as in one, wherever the second is decoded', async () => {
    const sampled = greedy(12, { temperature: 1.5, seed: 7 });
    const whole = await engine.generate(0, someTokens(40), sampled);
    await engine.trim(0, 0);
    const first = await engine.generate(0, someTokens(40), { ...sampled, maxTokens: 5 });
    const state = await engine.save(0);
    await engine.trim(0, 0);
    await engine.load(1, state);
    const second = await engine.generate(1, first.output.slice(-1), { ...sampled, maxTokens: 7, decodedBefore: 5 });
    expect([...first.output, ...second.output]).toEqual([...whole.output]);
    await engine.trim(1, 0);
    await engine.drop(state);
  });

  it('decodes forced tokens and goes on as if it had chosen them', async () => {
    const prompt = someTokens(50);
    const forced = someTokens(9, 5);
    const result = await engine.generate(0, prompt, greedy(20, { forced }));
    expect(result).toMatchObject({ stop: 'stop', length: 50 + 8 });
    expect(result.output).toEqual(forced);
    const next = await engine.generate(0, forced.slice(-1), greedy(6));
    await engine.trim(0, 0);
    await engine.prefill(1, prompt);
    for (const token of forced.slice(0, -1)) await engine.prefill(1, Int32Array.of(token));
    expect((await engine.generate(1, forced.slice(-1), greedy(6))).output).toEqual(next.output);
    await engine.trim(0, 0);
    await engine.trim(1, 0);
  });

  it('saves and loads with the sizes it declares', async () => {
    await engine.prefill(0, someTokens(200));
    const state = await engine.save(0);
    expect(state.tokens).toBe(200);
    expect(state.bytes / (200 * engine.bytesPerToken)).toBeCloseTo(1, 1);
    const first = await engine.generate(0, someTokens(1, 3), greedy(8));
    await engine.load(2, state);
    expect((await engine.generate(2, someTokens(1, 3), greedy(8))).output).toEqual(first.output);
    await engine.drop(state);
    await engine.trim(0, 0);
    await engine.trim(2, 0);
  });

  it('moves states to disk and back', async () => {
    await engine.prefill(0, someTokens(150));
    const state = await engine.save(0);
    const first = await engine.generate(0, someTokens(1, 3), greedy(8));
    for (const tier of ['disk', 'disk', 'host'] as const) {
      await engine.move(state, tier);
      await engine.load(2, state);
      expect((await engine.generate(2, someTokens(1, 3), greedy(8))).output).toEqual(first.output);
    }
    await engine.move(state, 'disk');
    await engine.drop(state);
    await expect(engine.load(2, state)).rejects.toMatchObject({ code: 'ENT_STATE_CORRUPT' });
    await engine.trim(0, 0);
    await engine.trim(2, 0);
  });

  it.skipIf(smallDisk === undefined)('says that there is no room for a state, and goes on', async () => {
    const other = await startTiny(real!, { stateParent: smallDisk });
    await other.prefill(0, someTokens(900));
    const state = await other.save(0);
    await expect(other.save(0)).rejects.toMatchObject({ code: 'ENT_DISK_FULL' });
    await expect(other.move(state, 'disk')).resolves.toBeUndefined();
    await other.load(1, await other.save(0));
    await other.close();
  });

  it('refuses a damaged state and leaves the sequence empty', async () => {
    await engine.prefill(0, someTokens(100));
    const state = await engine.save(0);
    const [own] = (await readdir(folder)).filter((name) => name.includes(`-${process.pid}-`));
    await truncate(join(folder, own, `${state.id}.state`), state.bytes - 7);
    await engine.prefill(1, someTokens(30, 9));
    await expect(engine.load(1, state)).rejects.toMatchObject({ code: 'ENT_STATE_CORRUPT' });
    const { output, length } = await engine.generate(1, someTokens(30), greedy(4));
    expect(length).toBe(33);
    await engine.trim(0, 0);
    expect((await engine.generate(0, someTokens(30), greedy(4))).output).toEqual(output);
    await engine.trim(0, 0);
    await engine.trim(1, 0);
  });

  it('stops between batches when aborted, and the sequence stays usable', async () => {
    const abort = new AbortController();
    let seen = 0;
    const result = await engine.generate(0, someTokens(600), greedy(400, { signal: abort.signal, onToken: () => { if (++seen === 3) abort.abort(); } }));
    expect(result.stop).toBe('cancelled');
    expect(result.output.length).toBeLessThan(400);
    expect(result.length).toBe(600 + result.output.length - 1);
    await engine.trim(0, 100);
    await engine.trim(0, 0);

    const aborted = AbortSignal.abort();
    await expect(engine.prefill(0, someTokens(600), aborted)).rejects.toMatchObject({ code: 'ENT_CANCELLED' });
    await engine.trim(0, 0);
  });

  it('refuses prompts that do not fit and stops when the context is full', async () => {
    await expect(engine.generate(0, someTokens(1025), greedy(1))).rejects.toMatchObject({ code: 'ENT_PROMPT_TOO_LONG' });
    const { output, stop, length } = await engine.generate(0, someTokens(1020), greedy(50));
    expect({ tokens: output.length, stop, length }).toEqual({ tokens: 5, stop: 'length', length: 1024 });
    await engine.trim(0, 0);
  });

  it('starts no batch while paused', async () => {
    await engine.pause();
    let answered = false;
    const answer = engine.generate(0, someTokens(20), greedy(2)).finally(() => { answered = true; });
    // Both are answered by the same process in order: had the batch begun, its tokens would be here.
    for (let round = 0; round < 5; round++) await engine.cpuMs();
    expect(answered).toBe(false);
    engine.resume();
    expect((await answer).output).toHaveLength(2);
    await engine.trim(0, 0);
  });

  it('tells text as tokens and back, and keeps marks out of plain text', async () => {
    const text = 'Read src/core/errors.ts, then say: “naïve café” {"name":"search"} <|end|>\n\ttab';
    const tokens = await engine.tokenise(text);
    expect(await engine.detokenise(tokens)).toBe(text);
    const [end] = await engine.tokeniseMarks('<|end|>');
    expect(engine.facts.endOfGenerationTokens).toContain(end);
    expect(Array.from(tokens)).not.toContain(end);
  });

  it('comes back after a crash: what was in flight fails, states survive, lost sequences are refused', async () => {
    await engine.prefill(0, someTokens(120));
    const state = await engine.save(0);
    const before = await engine.generate(0, someTokens(1, 3), greedy(6));
    const restarted = new Promise<void>((resolve) => { upAgain = resolve; });
    const inFlight = engine.generate(1, someTokens(900), greedy(100, { onToken: () => { process.kill(engine.processId!, 'SIGKILL'); } }));
    await expect(inFlight).rejects.toMatchObject({ code: 'ENT_ENGINE_CRASHED' });
    await expect(engine.generate(0, someTokens(1), greedy(1))).rejects.toMatchObject({ code: 'ENT_ENGINE_CRASHED' });
    await engine.load(0, state);
    expect((await engine.generate(0, someTokens(1, 3), greedy(6))).output).toEqual(before.output);
    await engine.trim(1, 0);
    await engine.generate(1, someTokens(5), greedy(1));
    await restarted;
    expect({ downs, ups }).toEqual({ downs: ['ENT_ENGINE_CRASHED'], ups: 1 });
  });

  it('removes what one that was killed has left on disk, before it puts anything there itself', async () => {
    const disk = await mkdtemp(join(folder, 'disk-'));
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    await mkdir(join(disk, `entresol-states-${pid}-1-0`));
    const other = await startTiny(real!, { stateParent: folder, diskParent: disk });
    expect(await readdir(disk)).toEqual([]);
    await other.close();
  });

  it('takes a lost sequence that is emptied in the very instant in which the engine went down', async () => {
    let emptied: Promise<void> | undefined;
    const other = await startTiny(real!, { stateParent: folder, events: { onDown: () => { emptied = other.trim(0, 0); } } });
    const inFlight = other.generate(0, someTokens(900), greedy(100, { onToken: () => { process.kill(other.processId!, 'SIGKILL'); } }));
    await expect(inFlight).rejects.toMatchObject({ code: 'ENT_ENGINE_CRASHED' });
    await emptied;
    expect((await other.generate(0, someTokens(5), greedy(2))).output).toHaveLength(2);
    await other.close();
  });

  it('says that it stays down when it cannot be started again', async () => {
    const options = { ...real!, sequences: 1, contextTokens: 256, chunkTokens: 64, threads: 1, recordTopLogits: false };
    const told: string[] = [];
    let givenUp = (): void => undefined;
    const isGivenUp = new Promise<void>((resolve) => { givenUp = resolve; });
    const supervisor = new ChildSupervisor(options, { onDown: (_error, final) => { told.push(`down ${final}`); }, onUp: () => { told.push('up'); }, onGivenUp: (error) => { told.push(error.code); givenUp(); } });
    await supervisor.start();
    options.library = 'file:///nowhere/llama.mjs';
    process.kill(supervisor.processId!, 'SIGKILL');
    await isGivenUp;
    expect(told).toEqual(['down false', 'ENT_ENGINE_UNAVAILABLE']);
    await expect(supervisor.whenUp()).rejects.toMatchObject({ code: 'ENT_ENGINE_UNAVAILABLE', message: expect.stringContaining('nowhere') });
    await supervisor.close();
  }, 60_000);

  it('removes its states when closed', async () => {
    const other = await startTiny(real!, { stateParent: folder });
    await other.prefill(0, someTokens(20));
    await other.save(0);
    const count = (await readdir(folder)).length;
    await other.close();
    expect(await readdir(folder)).toHaveLength(count - 1);
  });

  it('ends with its parent, and not before: signals to the whole group are the parent\'s, and no state stays behind', async () => {
    const states = await mkdtemp(join(folder, 'orphan-'));
    const child = fork(childPath(), [], { serialization: 'advanced', execArgv: [] });
    let id = 0;
    const ended = new Promise((resolve) => { child.once('exit', (status, signal) => { resolve(status ?? signal); }); });
    const ask = (message: object): Promise<unknown> => new Promise((resolve) => {
      child.once('message', resolve);
      void ended.then(resolve);
      child.send({ id: id++, ...message });
    });
    const options: StartOptions = { ...real!, sequences: 1, contextTokens: 256, chunkTokens: 64, threads: 1, recordTopLogits: false };
    expect(await ask({ kind: 'start', options })).toMatchObject({ kind: 'done' });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) child.kill(signal);
    expect(await ask({ kind: 'prefill', sequence: 0, tokens: someTokens(20) })).toMatchObject({ kind: 'done' });
    expect(await ask({ kind: 'save', sequence: 0, path: join(states, '0.state') })).toMatchObject({ kind: 'done' });
    const disk = await mkdtemp(join(folder, 'orphan-disk-'));
    expect(await ask({ kind: 'save', sequence: 0, path: join(states, '1.state'), state: 1, domain: 'tenant' })).toMatchObject({ kind: 'done', value: { shared: true } });
    expect(await ask({ kind: 'exportShared', state: 1, path: join(disk, '1.state') })).toMatchObject({ kind: 'done' });
    child.disconnect();
    expect(await ended).toBe(0);
    expect(await readdir(folder)).not.toContain(basename(states));
    expect(await readdir(folder)).not.toContain(basename(disk));
  });

  it('leaves nothing of a save in which it crashed', async () => {
    const parent = await mkdtemp(join(folder, 'crash-'));
    let down = (): void => undefined;
    const other = await startTiny(real!, { stateParent: parent, events: { onDown: () => { down(); } } });
    await other.prefill(0, someTokens(900));
    for (let round = 0; round < 4; round++) {
      const isDown = new Promise<void>((resolve) => { down = resolve; });
      let saved = false;
      const saving = other.save(0).finally(() => { saved = true; });
      const [own] = await readdir(parent);
      while (!saved && readdirSync(join(parent, own)).length === 0) await new Promise<void>((resolve) => { setImmediate(resolve); });
      process.kill(other.processId!, 'SIGKILL');
      await saving.then((state) => other.drop(state), () => undefined);
      await isDown;
      expect(await readdir(join(parent, own))).toEqual([]);
      await other.trim(0, 0);
      await other.prefill(0, someTokens(900));
    }
    await other.close();
  });

  it('names a model that cannot be read', async () => {
    const text = join(folder, 'text.gguf');
    await writeFile(text, 'GGUF but not really, as you will see');
    const half = join(folder, 'half.gguf');
    await copyFile(real!.modelPath, half);
    await truncate(half, (await stat(half)).size / 2);
    for (const modelPath of [text, half, join(folder, 'missing.gguf'), folder]) {
      await expect(startTiny({ ...real!, modelPath })).rejects.toSatisfy((error: EntresolError) => error.code === 'ENT_MODEL_UNREADABLE' && error.describe().split(modelPath).length === 2);
    }
  });
});
