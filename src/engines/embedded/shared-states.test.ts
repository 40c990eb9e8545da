/** Saved states that share their equal beginnings, on the real engine. */
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SHARED_BLOCK_TOKENS, type GenerateOptions, type SavedState } from '../slots/token-engine.ts';
import { SharedStates } from './child/shared-states.ts';
import type { LlamaTokenEngine } from './llama-token-engine.ts';
import { realEngine, someTokens, startTiny } from './testing/real-engine.ts';

const real = await realEngine();
const greedy: GenerateOptions = { maxTokens: 6, temperature: 0, onToken: () => undefined };

describe.skipIf(real === undefined)('saved states that share their beginnings', () => {
  let folder: string;
  let engine: LlamaTokenEngine;
  let upAgain: (() => void) | undefined;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entresol-shared-states-'));
    engine = await startTiny(real!, { stateParent: folder, diskParent: folder, events: { onUp: () => upAgain?.() } });
  });
  beforeEach(async () => {
    for (let sequence = 0; sequence < engine.sequences; sequence++) await engine.trim(sequence, 0);
  });
  afterAll(async () => {
    await engine?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function fileOf(state: SavedState): Promise<Buffer> {
    for (const inner of await readdir(folder)) {
      if ((await readdir(join(folder, inner))).includes(`${state.id}.state`)) return readFile(join(folder, inner, `${state.id}.state`));
    }
    throw new Error(`no file of state ${state.id}`);
  }

  it.each([1, 31, 32, 33, 64, 300, 511])('gives back the file of %i tokens byte for byte, wherever it was saved from', async (length) => {
    const sequence = length % engine.sequences;
    await engine.prefill(sequence, someTokens(length + 40));
    await engine.trim(sequence, length);
    const whole = await engine.save(sequence);
    const file = await fileOf(whole);
    const states = new SharedStates();
    expect(states.add(1, 'tenant', file)).toBe(true);
    expect(states.tokens).toBe(length);
    const again = Buffer.alloc(file.length + 5);
    states.write(1, again);
    expect(again.subarray(0, states.fileBytes(1)).equals(file)).toBe(true);
    for (const at of [0, 4]) {
      const other = Buffer.from(file);
      other.writeUInt32LE(other.readUInt32LE(at) + 1, at);
      expect(states.add(2, 'tenant', other)).toBe(false);
    }
    const shared = await engine.save(sequence, 'tenant');
    await engine.move(shared, 'disk');
    expect((await fileOf(shared)).equals(file)).toBe(true);
    await engine.drop(whole);
    await engine.drop(shared);
    expect(engine.storedTokens).toBe(0);
  });

  it('keeps a common beginning once, and each state loads after the other has gone', async () => {
    const anchor = someTokens(200, 7);
    await engine.prefill(0, anchor);
    const stem = await engine.save(0, 'tenant');
    expect(engine.storedTokens).toBe(200);
    const answers: string[] = [];
    const states: SavedState[] = [];
    for (const seed of [21, 22]) {
      await engine.load(0, stem);
      await engine.prefill(0, someTokens(100, seed));
      states.push(await engine.save(0, 'tenant'));
      answers.push((await engine.generate(0, someTokens(5, seed + 10), greedy)).output.join());
      await engine.trim(0, 0);
    }
    const block = SHARED_BLOCK_TOKENS;
    const common = Math.floor(200 / block) * block;
    expect(engine.storedTokens).toBe(200 + 2 * (300 - common));
    await engine.drop(stem);
    for (const [at, seed] of [[1, 22], [0, 21]] as const) {
      await engine.load(1, states[at]);
      expect((await engine.generate(1, someTokens(5, seed + 10), greedy)).output.join()).toBe(answers[at]);
      await engine.trim(1, 0);
      await engine.drop(states[at]);
    }
    expect(engine.storedTokens).toBe(0);
  });

  it('shares nothing between domains, nor where the same tokens were computed in other pieces and came out otherwise', async () => {
    const tokens = someTokens(160, 5);
    await engine.prefill(0, tokens);
    for (const at of [0, 53, 107]) await engine.prefill(1, tokens.subarray(at, at + 53 > 150 ? 160 : at + 53));
    const one = await engine.save(0, 'one');
    const two = await engine.save(0, 'two');
    expect(engine.storedTokens).toBe(320);
    const inPieces = await engine.save(1, 'one');
    expect(engine.storedTokens).toBeLessThanOrEqual(480);
    for (const [state, sequence] of [[one, 0], [inPieces, 1]] as const) {
      const expected = (await engine.generate(sequence, someTokens(9, 3), greedy)).output.join();
      await engine.trim(sequence, 0);
      await engine.load(sequence, state);
      expect((await engine.generate(sequence, someTokens(9, 3), greedy)).output.join()).toBe(expected);
    }
    for (const state of [one, two, inPieces]) await engine.drop(state);
    expect(engine.storedTokens).toBe(0);
  });

  it('refuses a state that went with a crash, and drops it in silence', async () => {
    await engine.prefill(0, someTokens(100));
    const state = await engine.save(0, 'tenant');
    await new Promise<void>((resolve) => {
      upAgain = resolve;
      process.kill(engine.processId!, 'SIGKILL');
    });
    await engine.trim(0, 0);
    expect(engine.storedTokens).toBe(0);
    await expect(engine.load(0, state)).rejects.toMatchObject({ code: 'ENT_STATE_CORRUPT' });
    await engine.drop(state);
  });
});

it('leaves alone what is no state of the known layout', () => {
  const states = new SharedStates();
  expect(states.add(1, 'tenant', Buffer.from('not a state at all'))).toBe(false);
  expect(states.add(2, 'tenant', Buffer.alloc(0))).toBe(false);
  expect(states.tokens).toBe(0);
});
