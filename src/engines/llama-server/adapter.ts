/**
 * A llama-server whose slots are owned here: every chat call and completion is told which slot to run in, and what a slot must
 * give up is saved and brought back by what the retention index in force says it is worth. The client's request and the
 * answer pass through as they came, but for `id_slot` and `cache_prompt`.
 */
import { LOCAL_TENANT, type CallReport, type Clock, type Discovery, type EngineCall, type EngineCapabilities, type Intent, type IntentKind, type Outcome, type TenantId } from '../../core/index.ts';
import { createSlotManager, DEFAULT_UNIT_TOKENS } from '../slots/create-slot-manager.ts';
import type { SlotManager } from '../slots/slot-manager.ts';
import type { OutgoingEdit, UpstreamAdapter, UpstreamServer } from '../upstream/adapter.ts';
import { isOpaque, PromptTokens } from './prompt-tokens.ts';
import { RefusedError, ServerApi } from './server-api.ts';
import { findFacts, type ServerFacts } from './server-facts.ts';
import type { LlamaServerSettings } from './settings.ts';
import { anywhere, SlotCall, standsApart } from './slot-call.ts';
import { SlotEngine } from './slot-engine.ts';
import { stateOwner, StateFiles } from './state-files.ts';

const MIB = 2 ** 20;
const ALWAYS: readonly IntentKind[] = ['retain', 'evict', 'cancel'];
const WITH_STATES: readonly IntentKind[] = [...ALWAYS, 'demote', 'restore', 'prefetch'];

async function tasksOf(api: ServerApi): Promise<Map<number, number>> {
  return new Map((await api.slots()).flatMap(({ id, task }) => (task === undefined ? [] : [[id, task] as const])));
}

interface Running {
  readonly api: ServerApi;
  readonly facts: ServerFacts;
  readonly engine: SlotEngine;
  readonly manager: SlotManager;
  readonly prompts: PromptTokens;
  readonly clock: Clock;
  trouble(kind: string, detail: string): void;
  readonly storeTokens: number;
}

export class LlamaServerAdapter implements UpstreamAdapter {
  readonly kind = 'llama-server';
  /** Messages and responses, which it has too, come translated: their prompts could not be told otherwise. */
  readonly dialects = ['chat', 'completions', 'embeddings'] as const;
  readonly hosted = false;
  readonly credentialHeader = 'authorization';
  /** It closes idle connections after 5 s. */
  readonly keepAliveMs = 4000;
  readonly #settings: LlamaServerSettings;
  #found: { readonly api: ServerApi; readonly facts: ServerFacts | undefined } | undefined;
  #running: Running | undefined;
  /** Since the server's slots were looked at last. */
  #served = true;
  #start = 0;
  /** The last task of each slot, by slot. */
  #tasks: ReadonlyMap<number, number> = new Map();

  constructor(settings: LlamaServerSettings) {
    this.#settings = settings;
  }

  capabilities(): Partial<EngineCapabilities> {
    const running = this.#running;
    return {
      intents: running === undefined || running.storeTokens > 0 ? WITH_STATES : ALWAYS,
      retention: { mode: 'pull' },
      ...(running === undefined ? {} : { cache: { capacityBlocks: Math.floor((running.facts.slots * running.facts.contextTokens + running.storeTokens) / DEFAULT_UNIT_TOKENS), blockTokens: DEFAULT_UNIT_TOKENS } }),
      // Tenants are kept apart by their slots.
      ordersQueue: true, countsCachedTokens: true, editsBody: true, saltsCache: false,
    };
  }

  async discover(server: UpstreamServer): Promise<Discovery> {
    const api = new ServerApi(server);
    const { facts, discovery } = await findFacts(api, server.looksOnly === true ? undefined : new StateFiles(undefined, stateOwner(server.origin)).nameOf(0));
    // To look at it was a task: from now on a server without any is another one.
    if (facts?.showsSlots === true) this.#tasks = await tasksOf(api);
    this.#found = { api, facts };
    return discovery;
  }

  /** It says nothing of its start; but the numbers of its tasks only grow while it runs. */
  async instance(server: UpstreamServer): Promise<string> {
    const api = new ServerApi(server);
    await api.health();
    // To look at its slots would wake a server that sleeps for want of calls.
    if (!this.#served) return String(this.#start);
    try {
      const now = await tasksOf(api);
      if ([...this.#tasks].some(([slot, task]) => (now.get(slot) ?? -1) < task)) this.#start++;
      this.#tasks = now;
      this.#served = false;
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
    }
    return String(this.#start);
  }

  async up(server: UpstreamServer): Promise<void> {
    const found = this.#found;
    const before = this.#running;
    if (before !== undefined && before.facts.identity === found?.facts?.identity) return;
    this.#running = undefined;
    await before?.manager.close();
    if (found?.facts === undefined || server.looksOnly === true) return;
    this.#running = await this.#run(server, found.api, found.facts);
    this.#served = true;
  }

  down(): void {
    this.#found = undefined;
    this.#running?.engine.restarted();
    this.#running?.manager.reset({ statesOutlive: true });
  }

  async serve(call: EngineCall, pass: (edit?: OutgoingEdit) => Promise<CallReport>): Promise<CallReport> {
    const running = this.#running;
    this.#served = true;
    const generates = call.dialect === 'chat' || call.dialect === 'completions';
    const shared = call.request.by.tenant !== LOCAL_TENANT;
    const plain = (): Promise<CallReport> => pass({ lastOnConnection: true, ...(generates && shared ? { body: anywhere(call) } : {}) });
    if (running === undefined || !generates || standsApart(call.parsed)) return plain();
    const tokens = await running.prompts.of(call);
    // The server says so in its own words.
    if (tokens.length >= running.facts.contextTokens) return plain();
    return new SlotCall({ ...running, call, tokens, pass }).run();
  }

  perform(intent: Intent): Promise<Outcome> {
    return this.#running?.manager.perform(intent) ?? Promise.resolve({ status: 'rejected', why: 'the server is not there' });
  }

  async inspect(call: Omit<EngineCall, 'request'>, tenant: TenantId): Promise<{ promptTokens: number; residentTokens: number } | undefined> {
    const running = this.#running;
    if (running === undefined || (call.dialect !== 'chat' && call.dialect !== 'completions')) return undefined;
    const tokens = await running.prompts.of(call);
    return isOpaque(tokens) ? undefined : { promptTokens: tokens.length, residentTokens: running.manager.residentTokens(tokens, tenant) };
  }

  load(): Partial<{ runningRequests: number; waitingRequests: number; cacheUsedFraction: number }> {
    if (this.#running === undefined) return {};
    const { running, waiting, slotTokens, storeTokens, capacityTokens } = this.#running.manager.statistics();
    return { runningRequests: running, waitingRequests: waiting, cacheUsedFraction: capacityTokens === 0 ? 0 : Math.min(1, (slotTokens + storeTokens) / capacityTokens) };
  }

  async close(): Promise<void> {
    await this.#running?.manager.close();
  }

  async #run(server: UpstreamServer, api: ServerApi, facts: ServerFacts): Promise<Running> {
    const { host, replica } = server;
    const { stateMiB, stateFolder, prefillLimit, prompts } = this.#settings;
    const storeTokens = facts.bytesPerToken === undefined ? 0 : Math.floor((stateMiB * MIB) / facts.bytesPerToken);
    const files = new StateFiles(stateFolder, stateOwner(server.origin));
    const trouble = (kind: string, detail: string): void => { host.trouble(kind, detail); };
    if (storeTokens > 0) await files.sweep().catch((error: unknown) => { trouble('state-folder-unreadable', error instanceof Error ? error.message : String(error)); });
    const engine = new SlotEngine({ api, facts, files, trouble });
    const manager = createSlotManager({
      kind: 'survival', tokenEngine: engine, host, replica, slots: facts.slots, storeTokens, prefillLimit,
      // An answer that has begun cannot be interrupted from outside.
      parkedCalls: 0,
      // Without a place for them, shared beginnings would be computed by themselves for nothing.
      ...(storeTokens === 0 ? { anchorTokens: Infinity } : {}),
    });
    return { api, facts, engine, manager, storeTokens, trouble, clock: host.clock, prompts: new PromptTokens(api, { contextTokens: facts.contextTokens, exact: facts.tokenises && prompts === 'exact' }) };
  }
}
