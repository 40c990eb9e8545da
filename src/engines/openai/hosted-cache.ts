/**
 * The caches of hosted APIs, told by policies: a lineage that one retains gets, from its next call on, what the API has
 * for that. Without such a policy not a byte is added, and where the client says something of caching itself neither.
 */
import { setMember, type CallReport, type EngineCall, type EngineCapabilities, type Intent, type Outcome } from '../../core/index.ts';
import type { OutgoingEdit, UpstreamAdapter, UpstreamServer } from '../upstream/adapter.ts';
import { lineageId, sessionKey } from '../upstream/lineage-id.ts';
import { RetainedLineages } from '../upstream/retained-lineages.ts';
import type { HostedFacts } from './hosted-facts.ts';

/** Anthropic keeps a prefix for five minutes or for an hour, from its last use on. */
const FIVE_MINUTES_MS = 300_000;
const CACHE_CONTROL = Buffer.from('"cache_control"');

export class HostedAdapter implements UpstreamAdapter {
  readonly kind: HostedFacts['kind'];
  readonly dialects: HostedFacts['dialects'];
  readonly hosted = true;
  readonly credentialHeader: HostedFacts['credentialHeader'];
  readonly keepAliveMs: number;
  readonly #retained = new RetainedLineages();
  #used = false;
  #nowMs: () => number = () => 0;
  #changed: () => void = () => undefined;

  constructor({ kind, dialects, credentialHeader, keepAliveMs }: HostedFacts) {
    this.kind = kind;
    this.dialects = dialects;
    this.credentialHeader = credentialHeader;
    this.keepAliveMs = keepAliveMs;
  }

  /** Until a policy has retained something, bodies go on packed as they came. */
  capabilities(): Partial<EngineCapabilities> { return { intents: ['retain'], ...(this.#used ? { editsBody: true } : {}) }; }

  up(server: UpstreamServer): void {
    this.#nowMs = () => server.host.clock.nowMs();
    this.#changed = () => server.capabilitiesChanged();
  }

  serve(call: EngineCall, pass: (edit?: OutgoingEdit) => Promise<CallReport>): Promise<CallReport> {
    if (!this.#used || (call.dialect !== 'chat' && call.dialect !== 'responses' && call.dialect !== 'messages')) return pass();
    const { by } = call.request;
    const untilMs = this.#retained.until(lineageId(by), this.#nowMs());
    if (untilMs === undefined) return pass();
    const parsed = call.parsed as Readonly<Record<string, unknown>>;
    if (this.kind === 'openai') return Object.hasOwn(parsed, 'prompt_cache_key') ? pass() : pass({ body: setMember(call.body, parsed, 'prompt_cache_key', JSON.stringify(sessionKey(by)), call.memory?.take) });
    // Its breakpoints are few, and those of the client are better placed.
    if (call.body.includes(CACHE_CONTROL)) return pass();
    const ttl = untilMs - this.#nowMs() > FIVE_MINUTES_MS ? '1h' : '5m';
    return pass({ body: setMember(call.body, parsed, 'cache_control', JSON.stringify({ type: 'ephemeral', ttl }), call.memory?.take) });
  }

  perform(intent: Intent): Promise<Outcome> {
    if (intent.kind !== 'retain') return Promise.resolve({ status: 'unsupported' });
    if (intent.target.kind !== 'lineage') return Promise.resolve({ status: 'rejected', why: 'a hosted API keeps prompts, and names no units' });
    this.#retained.retain(intent.target, intent.untilMs);
    if (!this.#used) {
      this.#used = true;
      this.#changed();
    }
    return Promise.resolve({ status: 'deferred', why: this.kind === 'openai' ? 'the lineage\'s next call carries a prompt_cache_key' : 'the lineage\'s next call carries a cache_control' });
  }
}
