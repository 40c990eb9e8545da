/** One call of a client's: it waits for a slot, is told which, and passes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { EntresolError, type CallReport, type Clock, type EngineCall } from '../../core/index.ts';
import { setMember } from '../../core/json-splice.ts';
import { isObject } from '../../core/fields.ts';
import type { SlotManager } from '../slots/slot-manager.ts';
import type { Exchanged, ExchangeRun } from '../slots/token-engine.ts';
import type { OutgoingEdit } from '../upstream/adapter.ts';
import { readTimings, type AnswerTimings } from './answer-timings.ts';
import { isOpaque } from './prompt-tokens.ts';
import type { ServerApi } from './server-api.ts';
import type { ServerFacts } from './server-facts.ts';

export interface SlotCallParts {
  readonly call: EngineCall;
  readonly tokens: Int32Array;
  readonly pass: (edit?: OutgoingEdit) => Promise<CallReport>;
  readonly manager: SlotManager;
  readonly api: ServerApi;
  readonly facts: ServerFacts;
  readonly clock: Clock;
  trouble(kind: string, detail: string): void;
}

/** How often a server is asked whether an answer that comes whole has begun. */
const LOOK_MS = 100;

/**
 * Of several prompts, or with several answers: each takes a slot of the server's own choice. With adapters of its own: what
 * was computed under others must not be gone on from.
 */
export function standsApart(parsed: unknown): boolean {
  if (!isObject(parsed)) return false;
  const { prompt, n, n_cmpl: completions, lora } = parsed;
  const several = [n, completions].some((count) => typeof count === 'number' && count > 1);
  return several || lora !== undefined || (Array.isArray(prompt) && prompt.some((entry) => typeof entry !== 'number'));
}

/** Into a slot of the server's choice, where nothing of what it held is used: it may have been another tenant's. */
export function anywhere({ body, parsed, memory }: Pick<EngineCall, 'body' | 'parsed' | 'memory'>): Buffer {
  if (!isObject(parsed)) return body;
  const placed = Object.hasOwn(parsed, 'id_slot') ? setMember(body, parsed, 'id_slot', '-1', memory?.take) : body;
  return setMember(placed, parsed, 'cache_prompt', 'false', memory?.take);
}

export class SlotCall {
  readonly #parts: SlotCallParts;
  readonly #abort = new AbortController();
  #exchanged: Promise<CallReport> | undefined;
  #timings: AnswerTimings | undefined;

  constructor(parts: SlotCallParts) {
    this.#parts = parts;
  }

  /** @throws EntresolError of the slot manager while it waits, of the relay before the head */
  async run(): Promise<CallReport> {
    const { call, tokens, manager } = this.#parts;
    const giveUp = (): void => { this.#abort.abort(); };
    if (call.signal.aborted) giveUp();
    call.signal.addEventListener('abort', giveUp, { once: true });
    let told: { readonly queueMs: number; readonly notes: readonly string[] } = { queueMs: 0, notes: [] };
    try {
      told = await manager.submit({
        request: call.request, tokens,
        generate: { maxTokens: Infinity, temperature: 0, signal: this.#abort.signal, onToken: () => undefined, exchange: (run) => this.#exchange(run) },
      });
    } catch (error) {
      // What has begun at the server goes on there, whatever became of its slot here.
      if (this.#exchanged === undefined) throw error;
    } finally {
      // What goes on at the server ends when its client leaves.
      void Promise.resolve(this.#exchanged).catch(() => undefined).then(() => { call.signal.removeEventListener('abort', giveUp); });
    }
    if (this.#exchanged === undefined) throw new EntresolError('ENT_CANCELLED', 'The client went away before its request went out.');
    return this.#complete(await this.#exchanged, told);
  }

  /** Settles when the answer has ended, however: `run` tells how. */
  async #exchange({ sequence, held, began, signal }: ExchangeRun): Promise<Exchanged> {
    const { tokens, clock } = this.#parts;
    const startedMs = clock.nowMs();
    const giveUp = (): void => { this.#abort.abort(); };
    signal?.addEventListener('abort', giveUp, { once: true });
    const exchanged = this.#parts.pass({
      body: this.#body(sequence, held), lastOnConnection: true, signal: this.#abort.signal,
      ...(this.#streams ? { began } : {}),
      readReport: ({ tail }) => {
        this.#timings = readTimings(tail);
        return {};
      },
    });
    this.#exchanged = exchanged;
    const ended = exchanged.then(({ status }) => status === 'ok', () => false);
    if (!this.#streams) void this.#watch(sequence, began, ended);
    const well = await ended;
    signal?.removeEventListener('abort', giveUp);
    const timings = this.#timings;
    if (!well || timings === undefined) return { completed: false };
    return {
      completed: isOpaque(tokens) || timings.cachedTokens + timings.computedTokens >= tokens.length,
      // By the server's clock it may have stood still meanwhile.
      prefill: { tokens: timings.computedTokens, position: timings.cachedTokens, ms: Math.min(timings.computedMs, clock.nowMs() - startedMs) },
    };
  }

  get #streams(): boolean {
    const { parsed } = this.#parts.call;
    return isObject(parsed) && parsed.stream === true;
  }

  /** The client's bytes with the slot; a slot that holds nothing of this prompt is not looked at: it may hold another tenant's. */
  #body(sequence: number, held: number): Buffer {
    const { body, parsed, memory } = this.#parts.call;
    const members = isObject(parsed) ? parsed : {};
    const placed = setMember(body, members, 'id_slot', String(sequence), memory?.take);
    return members.cache_prompt === false ? placed : setMember(placed, members, 'cache_prompt', String(held > 0), memory?.take);
  }

  /** Of an answer that comes whole only the server knows when it begins; until then no other prompt is computed. */
  async #watch(sequence: number, began: () => void, ended: Promise<unknown>): Promise<void> {
    const { api, facts, manager } = this.#parts;
    if (!facts.showsSlots) {
      began();
      return;
    }
    let over = false;
    void ended.then(() => { over = true; });
    while (!over) {
      await sleep(LOOK_MS, undefined, { ref: false });
      if (over || manager.statistics().waiting === 0) continue;
      const slot = (await api.slots().catch(() => [])).find(({ id }) => id === sequence);
      if (slot === undefined || !slot.processing || slot.decoded === 0) continue;
      began();
      return;
    }
  }

  #complete(report: CallReport, { queueMs, notes }: { readonly queueMs: number; readonly notes: readonly string[] }): CallReport {
    const timings = this.#timings;
    const told = { ...report, queueMs, notes: [...notes, ...(report.notes ?? [])] };
    if (timings === undefined) {
      if (report.status !== 'ok') return told;
      this.#parts.trouble('no-timings', 'an answer came without timings');
      return { ...told, promptTokens: this.#parts.tokens.length };
    }
    const { cachedTokens, computedTokens, computedMs, outputTokens } = timings;
    return { ...told, promptTokens: cachedTokens + computedTokens, cachedTokens, outputTokens, prefillMs: computedMs };
  }
}
