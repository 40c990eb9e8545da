/**
 * NVIDIA Dynamo: its frontend routes to workers of its own. It is told who is calling (session headers, the tenant for its
 * caches) and what a call is worth (`nvext.agent_hints`); which worker serves, and what that keeps, is Dynamo's to decide.
 */
import { LOCAL_TENANT, type CallReport, type DiscoveredFeature, type Discovery, type EngineCall, type EngineCapabilities, type Intent, type Outcome } from '../../core/index.ts';
import type { OutgoingEdit, UpstreamAdapter, UpstreamServer } from '../upstream/adapter.ts';
import { withHeaders, withoutHeaders } from '../upstream/edit-headers.ts';
import { instanceKey, lineageId, tenantKey } from '../upstream/lineage-id.ts';
import { OpenAiServer } from '../upstream/openai-server.ts';
import { RetainedLineages } from '../upstream/retained-lineages.ts';
import { refuseUnread } from '../upstream/unread-body.ts';
import { hinted, steersDynamo } from './call-hints.ts';
import { askFrontend, askWorkers, type FrontendFacts } from './frontend.ts';
import type { DynamoSettings } from './settings.ts';

export class DynamoAdapter extends OpenAiServer implements UpstreamAdapter {
  readonly kind = 'dynamo';
  readonly #settings: DynamoSettings;
  readonly #retained = new RetainedLineages();
  #nowMs: () => number = () => 0;
  #frontend: FrontendFacts | undefined;
  #workers: ReadonlySet<string> = new Set();
  /** How often all workers were others than before. */
  #generation = 1;

  constructor(settings: DynamoSettings) {
    super();
    this.#settings = settings;
  }

  capabilities(): Partial<EngineCapabilities> {
    return this.#frontend === undefined ? {} : { intents: ['retain'], editsBody: true };
  }

  async discover(server: UpstreamServer): Promise<Discovery> {
    this.#nowMs = () => server.host.clock.nowMs();
    this.#frontend = await askFrontend(server);
    const product = this.#frontend?.version === undefined ? undefined : `Dynamo ${this.#frontend.version}`;
    return { ...(product === undefined ? {} : { product }), features: this.#features() };
  }

  async instance(server: UpstreamServer): Promise<string> {
    const now = await askWorkers(server);
    if (now === undefined || now.size === 0) return '';
    // Workers come and go; the caches are all cold only where none has stayed.
    if (this.#workers.size > 0 && [...now].every((worker) => !this.#workers.has(worker))) this.#generation += 1;
    this.#workers = now;
    return `${this.#generation}`;
  }

  down(): void {
    this.#frontend = undefined;
    this.#retained.clear();
  }

  async serve(call: EngineCall, pass: (edit?: OutgoingEdit) => Promise<CallReport>): Promise<CallReport> {
    const { by, final } = call.request;
    const shared = by.tenant !== LOCAL_TENANT;
    const theirs = shared ? withoutHeaders(call.headers, steersDynamo) : call.headers;
    // Beside `cache_salt`, over which it goes: whoever could set it could choose another's cache.
    const apart = shared ? { 'x-tenant-id': tenantKey(by.tenant) } : {};
    // A path that is not read belongs to no conversation.
    if (call.dialect === 'other') {
      if (shared) refuseUnread(call.body, call.headers, ['nvext']);
      return pass({ headers: withHeaders(theirs, apart) });
    }
    const sessions = this.#settings.sessions === 'off' ? {} : {
      // A session of Dynamo's is one chain of calls: one context of an agent.
      'x-dynamo-session-id': instanceKey(by, by.instance),
      'x-dynamo-parent-session-id': by.parent === undefined ? undefined : instanceKey(by, by.parent),
      'x-dynamo-session-final': final ? 'true' : undefined,
    };
    const { body } = call;
    const edited = body.length === 0 ? body : hinted(body, call.parsed as Readonly<Record<string, unknown>>, this.#hints(call), shared, call.memory?.take);
    return pass({ headers: withHeaders(theirs, { ...apart, ...sessions }), ...(edited === body ? {} : { body: edited }) });
  }

  perform(intent: Intent): Promise<Outcome> {
    if (intent.kind !== 'retain') return Promise.resolve({ status: 'unsupported' });
    if (intent.target.kind !== 'lineage') return Promise.resolve({ status: 'rejected', why: 'Dynamo is told of calls: it names no blocks to be chosen' });
    this.#retained.retain(intent.target, intent.untilMs);
    return Promise.resolve({ status: 'deferred', why: 'the lineage\'s next calls carry a higher priority; workers of SGLang keep what they reach in that class, others only serve them sooner' });
  }

  #hints({ dialect, request: { by, final } }: EngineCall): Readonly<Record<string, unknown>> {
    if (this.#frontend === undefined || (dialect !== 'chat' && dialect !== 'completions')) return {};
    return {
      ...(this.#retained.until(lineageId(by), this.#nowMs()) === undefined ? {} : { priority: this.#settings.retainPriority }),
      ...(this.#settings.speculativePrefill && dialect === 'chat' && !final ? { speculative_prefill: true } : {}),
    };
  }

  #features(): readonly DiscoveredFeature[] {
    const known = this.#frontend !== undefined;
    const hints = known ? 'yes' : 'unknown';
    const mend = 'let GET /openapi.json and /health through, if a proxy stands before it';
    return [
      { name: 'tells what it is', available: known ? 'yes' : 'no', ...(known ? { detail: this.#workers.size === 1 ? 'one worker' : `${this.#workers.size} workers` } : { mend }) },
      { name: 'knows sessions', available: hints, detail: 'by x-dynamo-session-id', mend: 'route by them: start its frontend with --router-session-affinity-ttl-secs' },
      { name: 'keeps by class of priority', available: 'unknown', detail: 'its workers decide', mend: 'start SGLang workers with --enable-priority-scheduling --radix-eviction-policy priority' },
      { name: 'counts cached tokens', available: hints },
      { name: 'keeps tenants apart', available: 'unknown', detail: 'cache_salt and x-tenant-id are sent; its workers must go by them (the mocker of 1.6.1 does not)' },
    ];
  }
}
