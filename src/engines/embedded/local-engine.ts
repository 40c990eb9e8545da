/** An `Engine` on any `TokenEngine`: llama.cpp in its own process, or the simulated one. */
import { randomUUID } from 'node:crypto';
import {
  EntresolError,
  type Answer, type CallReport, type Engine, type EngineCall, type EngineCapabilities, type EngineHost, type EngineKind, type Intent, type ModelInfo, type Outcome, type ReplicaId, type TenantId,
} from '../../core/index.ts';
import { createSlotManager, DEFAULT_UNIT_TOKENS, type SlotManagerKind } from '../slots/create-slot-manager.ts';
import type { SlotManager } from '../slots/slot-manager.ts';
import type { LocalModel, ModelSource } from './local-model.ts';
import { prepareCall, type PreparedCall } from './prepared-call.ts';
import { serveCall } from './serve-call.ts';

export interface LocalEngineOptions {
  readonly replica: ReplicaId;
  readonly source: ModelSource;
  readonly contextTokens: number;
  /** Sequences that calls run in. */
  readonly slots: number;
  /** Budget of saved states, in tokens. */
  readonly storeTokens: number;
  /** Budget of saved states on disk beside it, in tokens. Default 0. */
  readonly diskTokens?: number;
  readonly slotManager: SlotManagerKind;
  /** Accept `entresol_force` in requests. */
  readonly teacherForcing: boolean;
}

interface Started {
  readonly host: EngineHost;
  readonly model: LocalModel;
  readonly manager: SlotManager;
}

export class LocalEngine implements Engine {
  readonly kind: EngineKind;
  readonly replica: ReplicaId;
  readonly capabilities: EngineCapabilities;
  readonly #options: LocalEngineOptions;
  #started: Started | undefined;
  #stopping = false;
  /** It stays down. */
  #givenUp: EntresolError | undefined;
  readonly #inFlight = new Set<Promise<CallReport>>();
  /** A request is read once, whether it is first inspected or served at once. */
  readonly #prepared = new WeakMap<object, Promise<PreparedCall>>();

  constructor(options: LocalEngineOptions) {
    this.#options = options;
    const capacityTokens = options.slots * options.contextTokens + options.storeTokens + (options.diskTokens ?? 0);
    this.kind = options.source.kind;
    this.replica = options.replica;
    this.capabilities = {
      dialects: ['chat', 'completions'],
      intents: options.slotManager === 'survival' ? ['retain', 'demote', 'restore', 'prefetch', 'evict', 'cancel'] : ['cancel'],
      ...(options.slotManager === 'survival' ? { retention: { mode: 'pull' } } : {}),
      cache: { capacityBlocks: Math.floor(capacityTokens / DEFAULT_UNIT_TOKENS), blockTokens: DEFAULT_UNIT_TOKENS },
      ordersQueue: options.slotManager === 'survival',
      countsCachedTokens: true,
    };
  }

  async start(host: EngineHost): Promise<void> {
    const { source, slotManager: kind, slots, storeTokens, diskTokens, replica } = this.#options;
    const model = await source.open({
      onDown: (error, final) => {
        host.log('error', final ? 'the engine has crashed too often and stays down' : 'the engine has crashed and restarts', { error: error.describe() });
        // At once: no call may count on what the sequences held. New ones wait for the engine's return.
        this.#started?.manager.reset();
        if (final) this.#givenUp = new EntresolError('ENT_ENGINE_UNAVAILABLE', `the engine has crashed too often and is not started again: ${error.message}`, { cause: error });
        host.emit({ type: 'engine-down', atMs: host.clock.nowMs(), replica, code: error.code });
      },
      onGivenUp: (error) => {
        host.log('error', 'the engine does not start any more and stays down', { error: error.message });
        this.#givenUp = error;
      },
      onUp: () => {
        host.log('info', 'the engine is up again');
        host.emit({ type: 'engine-up', atMs: host.clock.nowMs(), replica });
      },
    });
    if (model.mended !== undefined) host.log('warn', 'what was broken has been mended', { error: model.mended });
    try {
      const onLost = (error: EntresolError): void => {
        host.log('error', 'nothing is known any more of what the engine holds: it is started anew', { error: error.message });
        model.restart?.();
      };
      this.#started = { host, model, manager: createSlotManager({ kind, tokenEngine: model.tokenEngine, host, replica, slots, storeTokens, diskTokens, onLost }) };
    } catch (error) {
      await model.tokenEngine.close();
      throw error;
    }
    host.emit({ type: 'engine-up', atMs: host.clock.nowMs(), replica });
  }

  /** The running parts, for benches that alternate sides: `pause` and `resume`, CPU time, the manager's counts. */
  get parts(): { readonly model: LocalModel; readonly manager: SlotManager } { return this.#running(); }

  models(): readonly ModelInfo[] {
    return this.#started === undefined ? [] : [this.#started.model.info];
  }

  async inspect(call: Omit<EngineCall, 'request'>, tenant: TenantId): Promise<{ promptTokens: number; residentTokens: number } | undefined> {
    const { manager } = this.#running();
    const { tokens } = await this.#prepare(call, tenant);
    return { promptTokens: tokens.length, residentTokens: manager.residentTokens(tokens, tenant) };
  }

  async handle(call: EngineCall, answer: Answer): Promise<CallReport> {
    const started = this.#running();
    if (this.#stopping) throw new EntresolError('ENT_DRAINING', 'the engine takes no more calls.');
    if (this.#givenUp !== undefined) throw this.#givenUp;
    const served = this.#serve(call, answer, started);
    this.#inFlight.add(served);
    try {
      return await served;
    } finally {
      this.#inFlight.delete(served);
      const { host } = started;
      host.emit({ type: 'engine-load', atMs: host.clock.nowMs(), replica: this.replica, ...this.load() });
    }
  }

  async #serve(call: EngineCall, answer: Answer, { model, manager }: Started): Promise<CallReport> {
    const prepared = await this.#prepare(call, call.request.by.tenant);
    return serveCall({ call, prepared, model, manager, answer, id: randomUUID(), nowSeconds: Math.floor(Date.now() / 1000) });
  }

  async perform(intent: Intent): Promise<Outcome> {
    if (!this.capabilities.intents.includes(intent.kind)) return { status: 'unsupported' };
    return this.#running().manager.perform(intent);
  }

  load(): { readonly runningRequests: number; readonly waitingRequests: number; readonly cacheUsedFraction: number } {
    if (this.#started === undefined) return { runningRequests: 0, waitingRequests: 0, cacheUsedFraction: 0 };
    const { running, waiting, slotTokens, storeTokens, capacityTokens } = this.#started.manager.statistics();
    return { runningRequests: running, waitingRequests: waiting, cacheUsedFraction: capacityTokens === 0 ? 0 : (slotTokens + storeTokens) / capacityTokens };
  }

  healthy(): boolean {
    return this.#started?.model.healthy() ?? false;
  }

  async stop(graceMs: number): Promise<void> {
    const started = this.#started;
    if (started === undefined) return;
    this.#stopping = true;
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise<void>((resolve) => { timer = setTimeout(resolve, graceMs); });
    await Promise.race([Promise.allSettled(this.#inFlight), grace]);
    clearTimeout(timer);
    this.#started = undefined;
    await started.manager.close();
    await started.model.tokenEngine.close();
  }

  #prepare(call: Omit<EngineCall, 'request'>, tenant: TenantId): Promise<PreparedCall> {
    const { model } = this.#running();
    const key = typeof call.parsed === 'object' && call.parsed !== null ? call.parsed : call;
    const known = this.#prepared.get(key);
    if (known !== undefined) return known;
    const prepared = prepareCall(call, model, tenant, this.#options.teacherForcing);
    this.#prepared.set(key, prepared);
    return prepared;
  }

  #running(): Started {
    if (this.#started === undefined) throw new EntresolError('ENT_ENGINE_UNAVAILABLE', `the ${this.kind} engine is not running.`);
    return this.#started;
  }
}
