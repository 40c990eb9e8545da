/**
 * What `/metrics` shows. Latencies are recorded in histograms of our own (a tenth of the cost) and filled into the
 * Prometheus registry at scrape time. Label values are bounded: names of policies, kinds, statuses, replicas.
 */
import { Gauge, Registry } from 'prom-client';
import type { Decision, EngineLoad, Intent, Outcome, ReplicaId, RequestEnd, TenantId, WarmUpOutcome } from '../core/index.ts';
import { AgentAccounts, type AgentAccount } from './agent-accounts.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { ScrapedHistogram, type HistogramSeries } from './scraped-histogram.ts';
import { TallyCounter } from './tally-counter.ts';

const BOUNDS_MS = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000];
const BOUNDS_US = [1, 5, 10, 25, 50, 100, 250, 500, 1000, 2000, 5000, 10_000, 50_000];

export class Metrics {
  readonly registry = new Registry();
  readonly accounts: AgentAccounts;
  readonly #ttftMs = new LatencyHistogram();
  readonly #endToEndMs = new LatencyHistogram();
  readonly #policyUs = new Map<string, LatencyHistogram>();
  readonly #requests = this.#counter('entresol_requests_total', 'Clients\' calls that have ended, by status.', ['status']);
  readonly #tokens = this.#counter('entresol_tokens_total', 'Tokens of clients\' calls: prompt, cached (of the prompt), output, and what a hosted API wrote into its cache for minutes or an hour (of the prompt).', ['kind']);
  readonly #warmups = this.#counter('entresol_warmups_total', 'Warm-ups of our own, by what became of them; in no other figure here.', ['outcome']);
  readonly #warmupTokens = this.#counter('entresol_warmup_tokens_total', 'Prompt tokens that warm-ups computed: what they cost.', []);
  readonly #decisions = this.#counter('entresol_decisions_total', 'Decisions made, by combined result.', ['decision', 'result']);
  readonly #faults = this.#counter('entresol_policy_faults_total', 'Throws of a policy.', ['policy']);
  readonly #overruns = this.#counter('entresol_policy_overruns_total', 'Requests in which policies exceeded their time and this one used most of it.', ['policy']);
  readonly #intents = this.#counter('entresol_intents_total', 'Intents, by policy, kind and outcome.', ['policy', 'kind', 'outcome']);
  readonly #ignored = this.#counter('entresol_ignored_events_total', 'Events dropped: duplicate ends, unknown requests, full tables.', ['reason']);
  readonly #running = this.#gauge('entresol_running_requests', 'Requests that the engine works on.', ['replica']);
  readonly #waiting = this.#gauge('entresol_waiting_requests', 'Queue depth: requests that wait in the engine.', ['replica']);
  readonly #cacheUsed = this.#gauge('entresol_cache_used_fraction', 'Used share of the engine\'s cache.', ['replica']);
  readonly #up = this.#gauge('entresol_engine_up', '1 while the engine gets calls, 0 while it is left alone.', ['replica']);
  readonly #troubles = this.#counter('entresol_engine_troubles_total', 'What a server sent that it should not have, by kind.', ['replica', 'kind']);
  readonly #held = this.#gauge('entresol_held_requests', 'Requests held by admission.', []);
  readonly #agentCalls = this.#gauge('entresol_agent_calls', 'Calls per workload and agent; the lighter ones are pooled.', ['tenant', 'workload', 'agent']);

  /** @param maximumAgents how many (workload, agent) pairs are told apart */
  constructor(maximumAgents = 200) {
    this.accounts = new AgentAccounts(maximumAgents);
    this.#histogram('entresol_ttft_milliseconds', 'From the last byte of the request to the first content byte.', BOUNDS_MS, () => [[{}, this.#ttftMs]]);
    this.#histogram('entresol_end_to_end_milliseconds', 'From the arrival of a call to its end.', BOUNDS_MS, () => [[{}, this.#endToEndMs]]);
    this.#histogram('entresol_policy_microseconds', 'Time of one call of a policy.', BOUNDS_US, () => [...this.#policyUs].map(([policy, histogram]) => [{ policy }, histogram] as const));
  }

  #histogram(name: string, help: string, bounds: readonly number[], series: HistogramSeries): ScrapedHistogram {
    return new ScrapedHistogram(name, help, bounds, series, this.registry);
  }
  #counter(name: string, help: string, labelNames: readonly string[]): TallyCounter {
    return new TallyCounter(name, help, labelNames, this.registry);
  }
  #gauge(name: string, help: string, labelNames: readonly string[]): Gauge {
    return new Gauge({ name, help, labelNames: [...labelNames], registers: [this.registry] });
  }

  /** @param endToEndMs from arrival to end */
  requestEnded(end: RequestEnd, endToEndMs: number): void {
    if (end.warmup) {
      this.#warmups.inc(end.status === 'ok' ? 'untold' : 'aborted');
      this.#warmupTokens.add(end.promptTokens - end.cachedTokens);
      return;
    }
    this.#requests.inc(end.status);
    this.#tokens.add(end.promptTokens, 'prompt');
    this.#tokens.add(end.cachedTokens, 'cached');
    this.#tokens.add(end.outputTokens, 'output');
    if (end.cacheWrites !== undefined) {
      this.#tokens.add(end.cacheWrites.minutesTokens, 'cache-write-minutes');
      this.#tokens.add(end.cacheWrites.hourTokens, 'cache-write-hour');
    }
    if (end.ttftMs !== undefined) this.#ttftMs.record(end.ttftMs);
    this.#endToEndMs.record(endToEndMs);
    this.accounts.record(end);
  }

  warmedUp(outcome: WarmUpOutcome, computedTokens: number): void {
    this.#warmups.inc(outcome);
    this.#warmupTokens.add(computedTokens);
  }

  decided(decision: Decision, result: string): void { this.#decisions.inc(decision, result); }
  policyFault(policy: string): void { this.#faults.inc(policy); }
  policyOverrun(policy: string): void { this.#overruns.inc(policy); }
  intentDone(policy: string, kind: Intent['kind'], outcome: Outcome['status']): void { this.#intents.inc(policy, kind, outcome); }
  eventIgnored(reason: string): void { this.#ignored.inc(reason); }
  engineLoad(load: EngineLoad): void {
    this.#running.set({ replica: load.replica }, load.runningRequests);
    this.#waiting.set({ replica: load.replica }, load.waitingRequests);
    this.#cacheUsed.set({ replica: load.replica }, load.cacheUsedFraction);
  }
  engineUp(replica: ReplicaId, up: boolean): void { this.#up.set({ replica }, up ? 1 : 0); }
  engineTrouble(replica: ReplicaId, kind: string): void { this.#troubles.inc(replica, kind); }
  /** It was taken away: its series end. */
  engineGone(replica: ReplicaId): void {
    for (const gauge of [this.#up, this.#running, this.#waiting, this.#cacheUsed]) gauge.remove({ replica });
  }
  heldRequests(count: number): void { this.#held.set(count); }

  /** The histogram of a policy's calls, in µs. */
  policyTime(policy: string): LatencyHistogram {
    let histogram = this.#policyUs.get(policy);
    if (histogram === undefined) {
      histogram = new LatencyHistogram();
      this.#policyUs.set(policy, histogram);
    }
    return histogram;
  }

  /** Per agent of a tenant, heaviest first. */
  agents(tenant?: TenantId): AgentAccount[] { return this.accounts.list(tenant); }

  get contentType(): string { return this.registry.contentType; }
  /** Prometheus text. */
  async render(): Promise<string> {
    this.#agentCalls.reset();
    for (const account of this.accounts.list()) {
      this.#agentCalls.inc({ tenant: account.tenant, workload: account.workload, agent: account.agent }, account.calls);
    }
    return this.registry.metrics();
  }
}
