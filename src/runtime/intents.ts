import type { Clock, Coordinate, Intent, IntentDone, Outcome, ReplicaId, TenantId } from '../core/index.ts';
import type { LogSink, Metrics } from '../telemetry/index.ts';
import type { DecisionLog } from './decision-log.ts';
import type { EnginePort, EngineTable } from './engine-table.ts';
import { messageOf } from './guard.ts';
import type { HostedPolicy } from './hosted-policy.ts';
import { summarise, type IntentRecord, type RequestRecord } from './request-record.ts';
import type { SessionTable } from './sessions.ts';
import type { TenantHost } from './tenant-host.ts';
import type { Timers } from './timers.ts';

const rejected = (why: string): Outcome => ({ status: 'rejected', why });

export interface DispatchOptions {
  readonly engines: EngineTable;
  readonly sessions: SessionTable;
  readonly log: DecisionLog;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly metrics: Metrics;
  readonly logSink: LogSink;
  readonly timeoutMs: number;
  readonly intentsPerRequest: number;
  /** Told of each outcome, with the tenant whose policy wanted it. */
  done(event: IntentDone, tenant: TenantHost): void;
}

/** Hands intents to the engine that can perform them. Each gets exactly one outcome. */
export class IntentDispatcher {
  readonly #options: DispatchOptions;

  constructor(options: DispatchOptions) {
    this.#options = options;
  }

  /** @param record the request that it is logged with: the step that has ended, where there is one */
  async dispatch(intent: Intent, policy: HostedPolicy, tenant: TenantHost, record: RequestRecord | undefined): Promise<IntentRecord> {
    const { clock, metrics, intentsPerRequest } = this.#options;
    const entry: IntentRecord = { atMs: clock.nowMs(), policy: policy.name, mode: policy.ledger.mode, intent: summarise(intent) };
    record?.intend(entry, intentsPerRequest);
    if (policy.ledger.mode !== 'on') {
      entry.outcome = { status: 'shadow' };
      return entry;
    }
    const engine = this.#choose(intent, policy, tenant);
    if ('status' in engine) entry.outcome = engine;
    else {
      entry.replica = engine.replica;
      entry.outcome = await this.#perform(engine, intent);
    }
    metrics.intentDone(policy.name, intent.kind, entry.outcome.status);
    this.#options.done({ type: 'intent-done', atMs: clock.nowMs(), policy: policy.name, intent, outcome: entry.outcome }, tenant);
    return entry;
  }

  /** The engine to ask, or the outcome where none can be asked. A policy reaches no further than its own tenant. */
  #choose(intent: Intent, policy: HostedPolicy, tenant: TenantHost): EnginePort | Outcome {
    if (!policy.ledger.definition.intents.includes(intent.kind)) return rejected(`the policy ${policy.name} does not declare ${intent.kind}`);
    const preferred = this.#preferred(intent, tenant.tenant, tenant);
    if (preferred !== undefined && typeof preferred === 'object') return preferred;
    const able = this.#options.engines.all().filter((engine) => engine.capabilities.intents.includes(intent.kind));
    // Units live in one engine; a hedge or a cancel may be done by whoever stands before the engines.
    const bound = 'target' in intent && intent.target.kind === 'units';
    return able.find((engine) => engine.replica === preferred) ?? (bound && preferred !== undefined ? undefined : able[0]) ?? { status: 'unsupported' };
  }

  #preferred(intent: Intent, tenantId: TenantId, tenant: TenantHost): ReplicaId | Outcome | undefined {
    const { sessions, log } = this.#options;
    const ours = (by: Pick<Coordinate, 'tenant'>): boolean => by.tenant === tenantId;
    if (intent.kind === 'hedge' || intent.kind === 'cancel') {
      const record = log.get(intent.request);
      if (record === undefined || !ours(record.by)) return rejected('no such request');
      if (record.end !== undefined) return rejected('the request has ended');
      return intent.kind === 'hedge' ? intent.replica : record.replica;
    }
    if (intent.kind === 'speculate' || intent.kind === 'memoise') return ours(intent.toolCall.by) ? undefined : rejected('no such tool call');
    const { target } = intent;
    if (target.kind === 'lineage') return ours(target) ? sessions.get(target)?.replica : rejected('no such lineage');
    const holder = [...tenant.retention].find(([, { fanout }]) => target.units.every((unit) => fanout.tree.has(unit)));
    return holder === undefined ? rejected('no engine knows these units') : holder[0];
  }

  #perform(engine: EnginePort, intent: Intent): Promise<Outcome> {
    const { timers, timeoutMs, logSink } = this.#options;
    return new Promise((resolve) => {
      const cancel = timers.after(timeoutMs, () => resolve({ status: 'deferred', why: `no answer from ${engine.replica} within ${timeoutMs} ms` }));
      const failed = (error: unknown): void => {
        cancel();
        logSink('warn', `engine ${engine.replica} failed in ${intent.kind}`, { replica: engine.replica, intent: intent.kind, error: messageOf(error) });
        resolve(rejected(messageOf(error)));
      };
      try {
        engine.perform(intent).then((outcome) => { cancel(); resolve(outcome); }, failed);
      } catch (error) {
        failed(error);
      }
    });
  }
}
