/**
 * Calls and tokens per (tenant, workload, agent). Bounded: the heaviest are kept, the rest of a tenant is pooled
 * under `(other)`. When the table is full, the account with the fewest calls makes room for the newcomer.
 */
import type { AgentId, Coordinate, RequestEnd, TenantId, WorkloadId } from '../core/index.ts';
import { LatencyHistogram } from './latency-histogram.ts';

export const POOLED_AGENT = '(other)';

export interface AgentAccount {
  readonly tenant: TenantId;
  readonly workload: WorkloadId | typeof POOLED_AGENT;
  readonly agent: AgentId | typeof POOLED_AGENT;
  readonly calls: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  /** Absent while no answer has had a first token. */
  readonly ttftMs?: { readonly mean: number; readonly p50: number; readonly p99: number };
}

class Account {
  calls = 0;
  promptTokens = 0;
  cachedTokens = 0;
  outputTokens = 0;
  readonly ttft = new LatencyHistogram();
  constructor(readonly tenant: TenantId, readonly workload: AgentAccount['workload'], readonly agent: AgentAccount['agent']) {}

  view(): AgentAccount {
    const ttftMs = this.ttft.count === 0 ? undefined : { mean: this.ttft.mean, p50: this.ttft.quantile(0.5), p99: this.ttft.quantile(0.99) };
    return {
      tenant: this.tenant, workload: this.workload, agent: this.agent, calls: this.calls, promptTokens: this.promptTokens,
      cachedTokens: this.cachedTokens, outputTokens: this.outputTokens, ...(ttftMs === undefined ? {} : { ttftMs }),
    };
  }
}

export class AgentAccounts {
  readonly #accounts = new Map<string, Account>();
  readonly #pooled = new Map<TenantId, Account>();
  readonly #maximum: number;

  constructor(maximum: number) {
    this.#maximum = Math.max(1, maximum);
  }

  /** Warm-ups are ours and count nowhere. */
  record(end: RequestEnd): void {
    if (end.warmup) return;
    const account = this.#account(end.by);
    account.calls += 1;
    account.promptTokens += end.promptTokens;
    account.cachedTokens += end.cachedTokens;
    account.outputTokens += end.outputTokens;
    if (end.ttftMs !== undefined) account.ttft.record(end.ttftMs);
  }

  #account(by: Coordinate): Account {
    const key = `${by.tenant}\u0000${by.workload}\u0000${by.agent}`;
    let account = this.#accounts.get(key);
    if (account === undefined) {
      if (this.#accounts.size >= this.#maximum && !this.#makeRoom()) return this.#pool(by.tenant);
      account = new Account(by.tenant, by.workload, by.agent);
      this.#accounts.set(key, account);
    }
    return account;
  }

  /** Pools the lightest account if it has had one call only: then it is no heavier than the newcomer. */
  #makeRoom(): boolean {
    let lightest: [string, Account] | undefined;
    for (const entry of this.#accounts) if (lightest === undefined || entry[1].calls < lightest[1].calls) lightest = entry;
    if (lightest === undefined || lightest[1].calls > 1) return false;
    const [key, account] = lightest;
    const pool = this.#pool(account.tenant);
    pool.calls += account.calls;
    pool.promptTokens += account.promptTokens;
    pool.cachedTokens += account.cachedTokens;
    pool.outputTokens += account.outputTokens;
    if (account.ttft.count > 0) pool.ttft.record(account.ttft.mean);
    this.#accounts.delete(key);
    return true;
  }

  #pool(tenant: TenantId): Account {
    let pool = this.#pooled.get(tenant);
    if (pool === undefined) {
      // Tenants come from configured keys, so there are few; still, no more pools than accounts.
      if (this.#pooled.size >= this.#maximum) this.#pooled.delete(this.#pooled.keys().next().value ?? tenant);
      pool = new Account(tenant, POOLED_AGENT, POOLED_AGENT);
      this.#pooled.set(tenant, pool);
    }
    return pool;
  }

  /** Heaviest first, the pool last. Without a tenant: all of them (for the metrics). */
  list(tenant?: TenantId): AgentAccount[] {
    const wanted = (account: Account): boolean => tenant === undefined || account.tenant === tenant;
    const own = [...this.#accounts.values()].filter(wanted).sort((a, b) => b.calls - a.calls);
    return [...own, ...[...this.#pooled.values()].filter(wanted)].map((account) => account.view());
  }
}
