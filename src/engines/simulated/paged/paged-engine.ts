/**
 * A simulated paged engine: continuous batching over a block cache, on any clock that can sleep. It serves
 * completions by token ids (`prompt: [1, 2, ...]`); the text of a token is its number. Steered as a real one is:
 * it asks for order and victims, counts exactly, and reports what it stores and drops.
 */
import {
  EntresolError, instanceId, replicaId, requestId,
  type Answer, type CacheTarget, type CallReport, type Engine, type EngineCall, type EngineCapabilities, type EngineHost, type Intent, type ModelInfo,
  type IntentKind, type Outcome, type ReplicaId, type TenantId, type UnitId,
} from '../../../core/index.ts';
import { StreamedCompletionAnswer, WholeCompletionAnswer } from '../../embedded/dialect/completion-answer.ts';
import { readCompletionRequest } from '../../embedded/dialect/completion-request.ts';
import { objectOf } from '../../../core/fields.ts';
import type { SleepingClock } from '../virtual-clock.ts';
import { Batcher, checkFits } from './batcher.ts';
import { BlockPool } from './block-pool.ts';
import { ROOT } from './block-table.ts';
import { HostTier, type HostTierOptions } from './host-tier.ts';
import { Lineages } from './lineages.ts';
import { DEFAULT_STEP_COST, prefillCostMs, type StepCost } from './step-cost.ts';

export interface PagedEngineOptions {
  readonly clock: SleepingClock;
  readonly capacityBlocks: number;
  /** Default 16. */
  readonly blockTokens?: number;
  /** Tokens of a step; default 2,048. */
  readonly batchTokens?: number;
  /** Default 64. */
  readonly maximumRunning?: number;
  readonly cost?: Partial<StepCost>;
  /** A second tier; by default there is none. */
  readonly hostTier?: HostTierOptions;
  /** While it has nothing else to do it computes what is asked for ahead of a call, until one comes; by default it does not. */
  readonly warmsUp?: boolean;
  readonly replica?: ReplicaId;
}

export const PAGED_MODEL = 'entresol-simulated-paged';
const VOCABULARY_SIZE = 2 ** 31 - 1;

interface Started { readonly host: EngineHost; readonly pool: BlockPool; readonly batcher: Batcher; readonly lineages: Lineages; readonly below: HostTier | undefined }

const TIER_INTENTS: readonly IntentKind[] = ['demote', 'restore', 'prefetch'];

interface CompletionCall { readonly prompt: Int32Array; readonly maxTokens: number; readonly forced: Int32Array | undefined; readonly stream: boolean; readonly includeUsage: boolean }

export class PagedEngine implements Engine {
  readonly kind = 'simulated';
  readonly replica: ReplicaId;
  readonly capabilities: EngineCapabilities;
  readonly #options: PagedEngineOptions;
  readonly #blockTokens: number;
  readonly #inFlight = new Set<Promise<unknown>>();
  #started: Started | undefined;
  #stopping = false;
  #served = 0;
  /** Of the warm-up that runs. */
  #warming: AbortController | undefined;
  /** Warm-ups, and what they computed. */
  readonly warmUps = { made: 0, givenUp: 0, computedTokens: 0 };

  constructor(options: PagedEngineOptions) {
    this.#options = options;
    this.#blockTokens = options.blockTokens ?? 16;
    this.replica = options.replica ?? replicaId('simulated-paged');
    this.capabilities = {
      dialects: ['completions'],
      intents: options.hostTier !== undefined ? ['evict', ...TIER_INTENTS] : options.warmsUp === true ? ['evict', 'prefetch'] : ['evict'],
      retention: { mode: 'pull' },
      cache: { capacityBlocks: options.capacityBlocks, blockTokens: this.#blockTokens, ...(options.hostTier?.keepsEvicted === true ? { keepsEvicted: true } : {}) },
      ordersQueue: true,
      countsCachedTokens: true,
    };
  }

  /** Copied up from the tier below so far. */
  get restoredBlocks(): number { return this.#started?.below?.restoredBlocks ?? 0; }

  async start(host: EngineHost): Promise<void> {
    const { clock, capacityBlocks } = this.#options;
    const blockTokens = this.#blockTokens;
    const cost = { ...DEFAULT_STEP_COST, ...this.#options.cost };
    const { replica } = this;
    const { hostTier } = this.#options;
    const below = hostTier === undefined ? undefined : new HostTier(hostTier);
    const pool = new BlockPool({
      capacityBlocks, blockTokens, ...(below === undefined ? {} : { below }),
      marginalPrefillMs: (depth) => prefillCostMs(cost, depth * blockTokens, (depth + 1) * blockTokens),
      index: (tenant) => host.retention(tenant),
      nowMs: () => clock.nowMs(),
      onStored: (unit) => host.emit({ type: 'kv-stored', atMs: clock.nowMs(), replica, units: [unit] }),
      onRemoved: (units) => host.emit({ type: 'kv-removed', atMs: clock.nowMs(), replica, units }),
      onFault: (message) => host.log('warn', message),
    });
    const lineages = new Lineages(pool.table);
    const batcher = new Batcher({
      clock, host, pool, blockTokens, cost, lineages,
      batchTokens: this.#options.batchTokens ?? 2048,
      maximumRunning: this.#options.maximumRunning ?? 64,
      vocabularySize: VOCABULARY_SIZE,
      ...(this.#options.warmsUp === true ? { turned: (idle) => host.emit({ type: 'engine-load', atMs: clock.nowMs(), replica, ...this.load(), ...(idle ? { warmsUp: { prefillScale: 1, freeBlocks: capacityBlocks - pool.usedBlocks } } : {}) }) } : {}),
    });
    this.#started = { host, pool, batcher, lineages, below };
    host.emit({ type: 'engine-up', atMs: clock.nowMs(), replica });
  }

  models(): readonly ModelInfo[] { return [{ id: PAGED_MODEL, synthetic: true }]; }

  async inspect(call: Omit<EngineCall, 'request'>, tenant: TenantId): Promise<{ promptTokens: number; residentTokens: number }> {
    const { pool } = this.#running();
    const { prompt } = this.#read(call);
    let parent = ROOT;
    let from = 0;
    while (from + this.#blockTokens <= prompt.length) {
      const unit = pool.table.find(tenant, parent, prompt, from);
      if (unit === undefined || !pool.isResident(unit)) break;
      parent = unit;
      from += this.#blockTokens;
    }
    return { promptTokens: prompt.length, residentTokens: from };
  }

  async handle(call: EngineCall, answer: Answer): Promise<CallReport> {
    const work = this.#serve(call, answer);
    this.#inFlight.add(work);
    try {
      return await work;
    } finally {
      this.#inFlight.delete(work);
    }
  }

  async perform(intent: Intent): Promise<Outcome> {
    if (!('target' in intent) || !this.capabilities.intents.includes(intent.kind)) return { status: 'unsupported' };
    const { pool, lineages, below } = this.#running();
    const { target } = intent;
    if (intent.kind === 'prefetch' && below === undefined && target.kind === 'lineage') return this.#warmUp(target);
    const units = target.kind === 'units' ? target.units : lineages.chainOf(target);
    if (units === undefined) return { status: 'rejected', why: 'nothing of this lineage is known' };
    switch (intent.kind) {
      case 'evict': case 'demote': {
        const own = target.kind === 'units' ? units : privatePart(pool, units);
        return done(intent.kind === 'evict' ? pool.drop(own) : pool.demote(own), own.length, `are in use or not ${intent.kind === 'evict' ? 'there' : 'resident'}`);
      }
      case 'restore': case 'prefetch': {
        // What is not certain to be asked for must not be in the way of what is.
        if (intent.kind === 'prefetch' && below?.isBusy(this.#options.clock.nowMs()) === true) return { status: 'deferred', why: 'other blocks are being copied' };
        const chain = units.filter((unit) => pool.table.has(unit));
        const missing = units.length - chain.filter((unit) => pool.isResident(unit)).length;
        return done(pool.bringBack(chain), missing, `are not below or find no room beside what runs (${below?.size ?? 0} blocks lie below)`);
      }
      default: return { status: 'unsupported' };
    }
  }

  load(): { readonly runningRequests: number; readonly waitingRequests: number; readonly cacheUsedFraction: number } {
    if (this.#started === undefined) return { runningRequests: 0, waitingRequests: 0, cacheUsedFraction: 0 };
    const { pool, batcher } = this.#started;
    return { runningRequests: batcher.runningCount, waitingRequests: batcher.waitingCount, cacheUsedFraction: pool.usedBlocks / this.#options.capacityBlocks };
  }

  healthy(): boolean { return this.#started !== undefined; }

  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    await Promise.race([Promise.allSettled(this.#inFlight), this.#options.clock.sleep(graceMs)]);
    this.#started = undefined;
  }

  async #warmUp(target: Extract<CacheTarget, { kind: 'lineage' }>): Promise<Outcome> {
    const { batcher, lineages } = this.#running();
    const prompt = lineages.promptOf(target);
    if (prompt === undefined) return { status: 'rejected', why: 'nothing of this lineage is known' };
    if (this.#warming !== undefined || batcher.waitingCount + batcher.runningCount > 0) return { status: 'deferred', why: 'calls are being served' };
    const { id, by } = { id: requestId(`warm-up ${this.warmUps.made}`), by: { ...target, instance: instanceId(target.agent), step: 0 } };
    const warming = this.#warming = new AbortController();
    const request = { id, by, model: PAGED_MODEL, arrivedAtMs: this.#options.clock.nowMs(), promptTokens: prompt.length, promptTokensExact: true, residentTokens: 0, tools: [], stream: false, final: false };
    const call: EngineCall = { request, dialect: 'completions', method: 'POST', path: '/v1/completions', headers: [], body: Buffer.alloc(0), memory: undefined, signal: warming.signal, parsed: undefined };
    const { stop, cachedTokens } = await batcher.submit({ call, prompt, maxTokens: 1, forced: undefined, warmUp: true, onToken: () => undefined });
    this.#warming = undefined;
    this.warmUps.made += 1;
    this.warmUps.computedTokens += prompt.length - cachedTokens;
    if (stop !== 'cancelled') return { status: 'accepted' };
    this.warmUps.givenUp += 1;
    return { status: 'clipped', why: 'a call came' };
  }

  async #serve(call: EngineCall, answer: Answer): Promise<CallReport> {
    if (this.#stopping) throw new EntresolError('ENT_DRAINING', 'The engine is stopping.');
    const { batcher, lineages } = this.#running();
    this.#warming?.abort();
    const { prompt, maxTokens, forced, stream, includeUsage } = this.#read(call);
    checkFits(prompt.length, forced?.length ?? maxTokens, this.#blockTokens, this.#options.capacityBlocks);
    const heading = { id: `cmpl-${++this.#served}`, created: Math.floor(this.#options.clock.nowMs() / 1000), model: PAGED_MODEL };
    const writer = stream ? new StreamedCompletionAnswer(answer, heading, includeUsage) : new WholeCompletionAnswer(answer, heading);
    if (this.#options.warmsUp === true) lineages.keepPrompt(call.request.by, prompt);
    let begun = false;
    const result = await batcher.submit({
      call, prompt, maxTokens, forced,
      onToken: (token) => {
        if (!begun) void writer.begin();
        void writer.text(begun ? ` ${token}` : `${token}`);
        begun = true;
      },
    });
    const { cachedTokens, outputTokens, queueMs, prefillMs, stop } = result;
    if (stop === 'cancelled') {
      const error = new EntresolError('ENT_CANCELLED', 'The client went away.');
      if (!begun || !stream) throw error;
      answer.destroy(error);
      return { status: 'cancelled', promptTokens: prompt.length, cachedTokens, outputTokens, tools: [], queueMs, prefillMs };
    }
    if (!begun) await writer.begin();
    await writer.end(stop, { promptTokens: prompt.length, cachedTokens, outputTokens });
    return { status: 'ok', promptTokens: prompt.length, cachedTokens, outputTokens, stop, tools: [], queueMs, prefillMs, notes: [`${cachedTokens} of ${prompt.length} prompt tokens from the cache`] };
  }

  #read(call: Pick<EngineCall, 'dialect' | 'path' | 'parsed'>): CompletionCall {
    if (call.dialect !== 'completions') throw new EntresolError('ENT_UNKNOWN_ROUTE', `this engine does not serve ${call.path}.`, { at: call.path });
    const request = readCompletionRequest(objectOf(call.parsed, 'body'), true, VOCABULARY_SIZE);
    if (request.model !== PAGED_MODEL) throw new EntresolError('ENT_UNKNOWN_MODEL', `the model ${JSON.stringify(request.model)} is not served here; ${PAGED_MODEL} is.`, { at: 'model' });
    const { prompt, forced } = request;
    if (typeof prompt === 'string') throw new EntresolError('ENT_BAD_REQUEST', 'prompt must be a list of token numbers: this engine has no tokeniser.', { at: 'prompt' });
    if (forced !== undefined && forced.kind !== 'tokens') throw new EntresolError('ENT_BAD_REQUEST', 'entresol_force must give tokens: this engine has no tokeniser.', { at: 'entresol_force' });
    return { prompt, maxTokens: request.maxTokens ?? 1, forced: forced?.tokens, stream: request.stream, includeUsage: request.includeUsage };
  }

  #running(): Started {
    if (this.#started === undefined) throw new EntresolError('ENT_ENGINE_UNAVAILABLE', 'the simulated engine is not running.');
    return this.#started;
  }
}

/** Of a lineage, what hangs from its last branching, deepest first: what comes before belongs to others too. */
function privatePart(pool: BlockPool, units: readonly UnitId[]): readonly UnitId[] {
  let from = units.length;
  while (from > 0 && pool.table.childrenOf(units[from - 1]) <= (from === units.length ? 0 : 1)) from--;
  return units.slice(from).reverse();
}

function done(blocks: number, wanted: number, otherwise: string): Outcome {
  return blocks >= wanted ? { status: 'accepted' } : { status: 'clipped', why: `${wanted - blocks} of ${wanted} blocks ${otherwise}` };
}
