/**
 * Whatever is saved, loaded, trimmed, evicted or cancelled: every answer is that of a fresh engine given the same
 * prompt in the same batches, token for token.
 *
 * While one sequence works at a time, that holds exactly. Work of other sequences in the same batch changes the
 * rounding of the logits (and quantised weights make of it some hundredths); then, where tokens differ, the two best
 * logits must lie within `TOLERANCE`, and few may. Logits here spread over some 20 units; another session's state would
 * change most answers, not few, and fail where one sequence works at a time.
 */
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSlotManager } from '../slots/create-slot-manager.ts';
import type { SavedState } from '../slots/token-engine.ts';
import { replicaId } from '../../core/index.ts';
import type { LlamaTokenEngine } from './llama-token-engine.ts';
import { realEngine, someTokens, startTiny } from './testing/real-engine.ts';
import { engineCall, RecordingHost } from './testing/recording-answer.ts';
import { examine, Witness, type Disagreement } from './testing/witness.ts';

const TOLERANCE = 0.5;
const FEW = 0.05;
/** Where there are few answers, the bound is no share of them alone. */
const FEW_AT_LEAST = 3;
const CHUNK_TOKENS = 64;
const SEQUENCES = 3;
/** What has been examined by then counts; a failure is not shrunk, for each try takes seconds. */
const TIME_MS = 60_000;

const real = await realEngine();

interface Answering { kind: 'answer'; sequence: number; prompt: number; from: number; count: number; output: number; cancelAfter: number | undefined }
type Step =
  | { kind: 'together'; answers: Answering[] }
  | { kind: 'prefill'; sequence: number; prompt: number; from: number; count: number }
  | { kind: 'trim'; sequence: number; fraction: number }
  | { kind: 'save'; sequence: number; shelf: number }
  | { kind: 'load'; sequence: number; shelf: number };

const sequence = fc.nat(SEQUENCES - 1);
/** Few prompts and few places to begin, so that sequences often share a prefix or differ late. */
const piece = { prompt: fc.nat(2), from: fc.constantFrom(0, 0, 100), count: fc.integer({ min: 1, max: 200 }) };
const answering: fc.Arbitrary<Answering> = fc.record({ kind: fc.constant('answer' as const), sequence, ...piece, output: fc.integer({ min: 1, max: 6 }), cancelAfter: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined, freq: 4 }) });
const stepOf = (together: number): fc.Arbitrary<Step> => fc.oneof(
  { weight: 4, arbitrary: fc.uniqueArray(answering, { minLength: 1, maxLength: together, selector: (one) => one.sequence }).map((answers): Step => ({ kind: 'together', answers })) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('prefill' as const), sequence, ...piece }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('trim' as const), sequence, fraction: fc.constantFrom(0, 0.3, 0.5, 0.9) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('save' as const), sequence, shelf: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('load' as const), sequence, shelf: fc.nat(2) }) },
);

describe.skipIf(real === undefined)('answers of the embedded engine', () => {
  let engine: LlamaTokenEngine;
  let oracle: LlamaTokenEngine;
  beforeAll(async () => {
    const options = { chunkTokens: CHUNK_TOKENS, recordTopLogits: true, contextTokens: 1024 };
    [engine, oracle] = await Promise.all([startTiny(real!, { ...options, sequences: SEQUENCES }), startTiny(real!, { ...options, sequences: 1 })]);
  });
  afterAll(async () => { await Promise.all([engine?.close(), oracle?.close()]); });

  async function judge(witness: Witness, tolerance: number): Promise<{ answers: number; differing: Disagreement[] }> {
    const differing: Disagreement[] = [];
    for (const testimony of witness.testimonies) {
      const disagreement = await examine(oracle, engine, testimony);
      if (disagreement !== undefined) differing.push(disagreement);
    }
    for (const { logitGap, place, testimony } of differing) {
      expect(logitGap, `token ${place} of an answer to ${Witness.prompt(testimony).length} tokens differs`).toBeLessThanOrEqual(tolerance);
    }
    return { answers: witness.testimonies.length, differing };
  }

  async function answer(witness: Witness, { sequence: where, prompt, from, count, output, cancelAfter }: Answering): Promise<void> {
    if (witness.length(where) + count + output > engine.contextTokens) await witness.trim(where, 0);
    const abort = new AbortController();
    let decoded = 0;
    await witness.generate(where, someTokens(from + count, prompt).subarray(from), {
      maxTokens: output, temperature: 0, signal: abort.signal, onToken: () => { if (++decoded === cancelAfter) abort.abort(); },
    });
  }

  async function take(witness: Witness, shelves: Map<number, SavedState>, one: Step): Promise<void> {
    switch (one.kind) {
      case 'together': await Promise.all(one.answers.map((each) => answer(witness, each))); return;
      case 'prefill':
        if (witness.length(one.sequence) + one.count > engine.contextTokens) await witness.trim(one.sequence, 0);
        await witness.prefill(one.sequence, someTokens(one.from + one.count, one.prompt).subarray(one.from));
        return;
      case 'trim': await witness.trim(one.sequence, Math.floor(witness.length(one.sequence) * one.fraction)); return;
      case 'save': {
        const old = shelves.get(one.shelf);
        shelves.set(one.shelf, await witness.save(one.sequence));
        if (old !== undefined) await witness.drop(old);
        return;
      }
      case 'load': {
        const state = shelves.get(one.shelf);
        if (state !== undefined) await witness.load(one.sequence, state);
      }
    }
  }

  it.each([
    ['one sequence at a time: exactly', 1, 0],
    ['sequences together: but for rounding', SEQUENCES, TOLERANCE],
  ] as const)('are those of a fresh engine, whatever has been saved, loaded, trimmed and cancelled; %s', async (_what, together, tolerance) => {
    let answers = 0;
    let differing = 0;
    await fc.assert(fc.asyncProperty(fc.array(stepOf(together), { minLength: 4, maxLength: 24 }), async (steps) => {
      const witness = new Witness(engine, CHUNK_TOKENS);
      for (let index = 0; index < SEQUENCES; index++) await witness.trim(index, 0);
      const shelves = new Map<number, SavedState>();
      for (const one of steps) await take(witness, shelves, one);
      for (const state of shelves.values()) await witness.drop(state);
      const verdict = await judge(witness, tolerance);
      answers += verdict.answers;
      differing += verdict.differing.length;
    }), { numRuns: 40, interruptAfterTimeLimit: TIME_MS, endOnFailure: true });
    process.stderr.write(`${answers} answers on the real engine, ${differing} with a token that differs within ${tolerance}\n`);
    expect(answers).toBeGreaterThan(50);
    expect(differing).toBeLessThanOrEqual(answers * FEW);
  }, 2 * TIME_MS);

  it.each([
    ['survival', SEQUENCES, 'evicts, restores and cancels', false],
    ['survival', 1, 'interrupts calls for others and goes on with them', true],
    ['llama-server', SEQUENCES, 'evicts, restores and cancels', false],
  ] as const)('are those of a fresh engine when the %s manager with %i slots %s', async (kind, slots, _what, interrupts) => {
    let continued = 0;
    let answers = 0;
    let differing = 0;
    await fc.assert(fc.asyncProperty(fc.array(fc.record({
      session: fc.nat(5), growth: fc.integer({ min: 1, max: 120 }), output: fc.integer({ min: 1, max: interrupts ? 16 : 5 }), cancelAfter: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined, freq: 5 }), wait: fc.boolean(),
    }), { minLength: 8, maxLength: 24 }), async (calls) => {
      const witness = new Witness(engine, CHUNK_TOKENS);
      for (let index = 0; index < SEQUENCES; index++) await witness.trim(index, 0);
      const manager = createSlotManager({ kind, tokenEngine: witness, host: new RecordingHost(), replica: replicaId('test'), slots, storeTokens: 600 + (SEQUENCES - slots) * 1024 });
      const lengths = new Map<number, number>();
      const prompts = new Set<string>();
      let running: Promise<unknown>[] = [];
      for (const call of calls) {
        // A session's prompt grows and shares its first 60 tokens with all others.
        const length = Math.min(800, (lengths.get(call.session) ?? 60) + call.growth);
        lengths.set(call.session, length);
        const tokens = someTokens(length, call.session + 10);
        tokens.set(someTokens(Math.min(60, length), 99));
        prompts.add(tokens.join(' '));
        const abort = new AbortController();
        let decoded = 0;
        const generate = { maxTokens: call.output, temperature: 0, signal: abort.signal, onToken: (): void => { if (++decoded === call.cancelAfter) abort.abort(); } };
        running.push(manager.submit({ request: engineCall('chat', {}, { session: `s${call.session}` }).request, tokens, generate }));
        if (call.wait) {
          await Promise.all(running);
          running = [];
        }
      }
      await Promise.all(running);
      await manager.close();
      for (const testimony of witness.testimonies) {
        const prompt = Witness.prompt(testimony).join(' ');
        if (prompts.has(prompt)) continue;
        // A piece of an answer that was interrupted: it goes on from a prompt and what was decoded before.
        expect([...prompts].some((known) => prompt.startsWith(`${known} `))).toBe(true);
        continued++;
      }
      const verdict = await judge(witness, TOLERANCE);
      answers += verdict.answers;
      differing += verdict.differing.length;
    }), { numRuns: 12, interruptAfterTimeLimit: TIME_MS, endOnFailure: true });
    expect(differing).toBeLessThanOrEqual(FEW_AT_LEAST + answers * FEW);
    if (interrupts) expect(continued).toBeGreaterThan(5);
  }, 2 * TIME_MS);
});
