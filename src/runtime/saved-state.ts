import type { Learner, LearnerSource, TenantId, WorkloadId } from '../core/index.ts';
import type { Store } from '../store/index.ts';
import type { LogSink } from '../telemetry/index.ts';
import { messageOf } from './guard.ts';

const policyKey = (policy: string, tenant: TenantId): string => JSON.stringify(['policy', policy, tenant]);
const learnerKey = (tenant: TenantId, workload: WorkloadId): string => JSON.stringify(['learner', tenant, workload]);

const MAXIMUM_WAITING = 4096;

/**
 * Snapshots of learners and policies. What the store holds is read once at the start and given out on first use; what
 * cannot be read is refused with a warning, and learning starts afresh.
 */
export class SavedState {
  readonly #store: Store | undefined;
  readonly #log: LogSink;
  readonly #maximumLearners: number;
  /** Read or kept, not yet given out. */
  readonly #waiting = new Map<string, Uint8Array>();
  /** Of those, what the store does not hold yet. */
  readonly #unsaved = new Set<string>();
  readonly #learners = new Map<string, Learner>();
  /** Of the last event: nearly always the next one's too. */
  #latest: { readonly tenant: TenantId; readonly workload: WorkloadId; readonly learner: Learner } | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(options: { readonly store?: Store; readonly log: LogSink; readonly maximumLearners: number }) {
    this.#store = options.store;
    this.#log = options.log;
    this.#maximumLearners = Math.max(1, options.maximumLearners);
  }

  get isSaved(): boolean { return this.#store !== undefined; }

  /** Learners of a tenant that were used since the start. */
  workloadsOf(tenant: TenantId): { readonly workload: WorkloadId; readonly learnedBytes: number }[] {
    return [...this.#learners].flatMap(([key, learner]) => {
      const [, owner, workload] = JSON.parse(key) as [string, TenantId, WorkloadId];
      return owner === tenant ? [{ workload, learnedBytes: learner.learnedBytes() }] : [];
    });
  }

  async load(): Promise<void> {
    if (this.#store === undefined) return;
    const refused = (error: unknown): void => this.#log('warn', 'saved state was refused; learning starts afresh', { error: messageOf(error) });
    try {
      for await (const { key, value } of this.#store.entries(refused)) this.#waiting.set(key, value);
    } catch (error) {
      refused(error);
    }
  }

  takePolicy(policy: string, tenant: TenantId): Uint8Array | undefined {
    const key = policyKey(policy, tenant);
    const bytes = this.#waiting.get(key);
    this.#waiting.delete(key);
    return bytes;
  }

  keepPolicy(policy: string, tenant: TenantId, bytes: Uint8Array): void {
    const key = policyKey(policy, tenant);
    for (const oldest of this.#waiting.keys()) {
      if (this.#waiting.size < MAXIMUM_WAITING) break;
      this.#waiting.delete(oldest);
      this.#unsaved.delete(oldest);
    }
    this.#waiting.set(key, bytes);
    this.#unsaved.add(key);
  }

  /** The learner of a workload, with what was saved of it when it is first seen. */
  learner(source: LearnerSource, tenant: TenantId, workload: WorkloadId): Learner {
    const learner = source.of(tenant, workload);
    const latest = this.#latest;
    if (latest !== undefined && latest.learner === learner && latest.workload === workload && latest.tenant === tenant) return learner;
    this.#latest = { tenant, workload, learner };
    const key = learnerKey(tenant, workload);
    if (this.#learners.get(key) === learner) return learner;
    this.#learners.delete(key);
    for (const oldest of this.#learners.keys()) {
      if (this.#learners.size < this.#maximumLearners) break;
      this.#learners.delete(oldest);
    }
    this.#learners.set(key, learner);
    const bytes = this.#waiting.get(key);
    this.#waiting.delete(key);
    if (bytes === undefined) return learner;
    try {
      learner.restore(bytes);
    } catch (error) {
      this.#log('warn', `the saved model of workload ${workload} was refused; learning starts afresh`, { tenant, workload, error: messageOf(error) });
    }
    return learner;
  }

  /** Writes everything; one save at a time. A failed write is logged and tried again at the next save. */
  save(policies: () => Iterable<{ readonly name: string; readonly tenant: TenantId; snapshot(): Uint8Array | undefined }>): Promise<void> {
    const store = this.#store;
    if (store === undefined) return Promise.resolve();
    this.#saving = this.#saving.then(() => this.#write(store, policies()));
    return this.#saving;
  }

  async #write(store: Store, policies: Iterable<{ readonly name: string; readonly tenant: TenantId; snapshot(): Uint8Array | undefined }>): Promise<void> {
    const writes = new Map([...this.#waiting].filter(([key]) => this.#unsaved.has(key)));
    for (const policy of policies) {
      const bytes = policy.snapshot();
      if (bytes !== undefined) writes.set(policyKey(policy.name, policy.tenant), bytes);
    }
    for (const [key, learner] of this.#learners) {
      try {
        writes.set(key, learner.snapshot());
      } catch (error) {
        this.#log('error', 'a learner could not be saved', { key, error: messageOf(error) });
      }
    }
    for (const [key, bytes] of writes) {
      try {
        await store.set(key, bytes);
        this.#unsaved.delete(key);
      } catch (error) {
        this.#log('error', 'state could not be saved; it is tried again at the next save', { key, error: messageOf(error) });
        return;
      }
    }
  }
}
