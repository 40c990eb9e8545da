import type { AgentEvent, Coordinate, Event, ReplicaId, RequestArrive, RequestEnd, RequestId, RequestStatus, SessionEnd } from '../core/index.ts';
import { RecencyMap } from '../core/recency-map.ts';
import type { Metrics } from '../telemetry/index.ts';
import type { DecisionLog } from './decision-log.ts';
import type { Delivery } from './delivery.ts';
import { RequestRecord } from './request-record.ts';
import type { Session, SessionTable } from './sessions.ts';
import type { TenantHost, TenantTable } from './tenant-host.ts';

interface OpenRequest {
  readonly record: RequestRecord;
  readonly host: TenantHost | undefined;
  /** Undefined for a warm-up. */
  readonly session: Session | undefined;
  admitted: boolean;
}

export interface LifecycleOptions {
  readonly sessions: SessionTable;
  readonly tenants: TenantTable;
  readonly log: DecisionLog;
  readonly delivery: Delivery;
  readonly metrics: Metrics;
  readonly maximumOpenRequests: number;
  /** Once per request, after policies have been told of its end. */
  ended(record: RequestRecord): void;
  /** Once per session, after policies have been told of its end. */
  sessionEnded(by: Coordinate): void;
}

/**
 * Enforces the course of events: one `session-start` before the first call of a session, one `session-end` after its
 * last, and exactly one `request-end` per `request-arrive`. What does not fit is dropped and counted.
 */
export class Lifecycle {
  readonly #options: LifecycleOptions;
  readonly #open = new RecencyMap<RequestId, OpenRequest>();

  constructor(options: LifecycleOptions) {
    this.#options = options;
  }

  get openRequests(): number { return this.#open.size; }

  observe(event: AgentEvent): void {
    switch (event.type) {
      case 'request-arrive': this.#arrive(event); break;
      case 'request-end': this.#end(event); break;
      case 'session-start': this.#startSession(event.by, event.atMs); break;
      case 'session-end': this.#endSession(event); break;
      case 'tool-start': case 'tool-end': this.#options.delivery.agentEvent(event); break;
      default: this.#during(event);
    }
    this.sweep(event.atMs);
  }

  #ignore(reason: string): void { this.#options.metrics.eventIgnored(reason); }

  #arrive(event: RequestArrive): void {
    const { sessions, tenants, log, delivery, maximumOpenRequests } = this.#options;
    if (this.#open.get(event.request) !== undefined) return this.#ignore('duplicate-arrive');
    for (const [oldest] of this.#open) {
      if (this.#open.size < maximumOpenRequests) break;
      this.close(oldest, 'error', event.atMs);
    }
    const record = new RequestRecord(event.request, event.by, event.model, event.atMs, event.promptTokens, event.warmup);
    const host = tenants.of(event.by.tenant);
    if (host !== undefined) host.openRequests += 1;
    const session = event.warmup ? undefined : sessions.call(event.by, event.atMs);
    if (session !== undefined) session.openRequests += 1;
    this.#open.set(event.request, { record, host, session, admitted: false });
    log.add(record);
    if (session !== undefined && !session.announced) {
      session.announced = true;
      delivery.agentEvent({ type: 'session-start', atMs: event.atMs, by: event.by }, record);
    }
    delivery.agentEvent(event, record);
  }

  /** Admission let it go: told once. */
  admit(request: RequestId, atMs: number): void {
    const open = this.#open.get(request);
    if (open === undefined || open.admitted) return;
    open.admitted = true;
    this.#options.delivery.agentEvent({ type: 'request-admit', atMs, by: open.record.by, request }, open.record);
  }

  #during(event: Extract<AgentEvent, { request: RequestId }>): void {
    const open = this.#open.get(event.request);
    if (open === undefined) return this.#ignore('unknown-request');
    if (event.type === 'request-dispatch') this.#placed(open, event.replica);
    this.#options.delivery.agentEvent(event, open.record);
  }

  #placed({ record, session }: OpenRequest, replica: ReplicaId): void {
    record.replica = replica;
    if (session !== undefined) session.replica = replica;
  }

  #end(event: RequestEnd): void {
    const open = this.#open.get(event.request);
    if (open === undefined) return this.#ignore('duplicate-end');
    const { record, host, session } = open;
    this.#open.delete(event.request);
    if (host !== undefined) host.openRequests -= 1;
    record.end = event;
    if (session !== undefined) {
      session.openRequests -= 1;
      session.lastAtMs = Math.max(session.lastAtMs, event.atMs);
    }
    this.#options.delivery.agentEvent(event, record);
    this.#options.metrics.requestEnded(event, Math.max(0, event.atMs - record.arrivedAtMs));
    this.#options.ended(record);
  }

  /** Ends a request of which no end has come. */
  close(request: RequestId, status: RequestStatus, atMs: number): void {
    const record = this.#open.get(request)?.record;
    if (record === undefined) return;
    this.#end({
      type: 'request-end', atMs, by: record.by, request, status, promptTokens: record.promptTokens,
      cachedTokens: 0, outputTokens: 0, tools: [], warmup: record.warmup,
    });
  }

  closeAll(status: RequestStatus, atMs: number): void {
    for (const [request] of this.#open) this.close(request, status, atMs);
  }

  #startSession(by: Coordinate, atMs: number): void {
    if (this.#options.sessions.get(by) !== undefined) return this.#ignore('duplicate-session-start');
    this.#options.sessions.start(by, atMs);
    this.#options.delivery.agentEvent({ type: 'session-start', atMs, by });
  }

  #endSession(event: SessionEnd): void {
    const { sessions, delivery } = this.#options;
    // A closed connection is a sign and no more: the session, and what engines hold of it, stay until it is idle for too long.
    const session = event.reason === 'closed' ? sessions.get(event.by) : sessions.end(event.by);
    if (session === undefined || (event.reason === 'closed' && !session.announced)) return this.#ignore('unknown-session-end');
    // Another of its connections is at work.
    if (event.reason === 'closed' && session.openRequests > 0) return this.#ignore('closed-during-call');
    if (session.announced) delivery.agentEvent(event);
    session.announced = false;
    if (event.reason !== 'closed') this.#options.sessionEnded(session.by);
  }

  /** Ends sessions that are idle for too long, or beyond the bound. */
  sweep(nowMs: number): void {
    for (const session of this.#options.sessions.overdue(nowMs)) this.#endSession({ type: 'session-end', atMs: nowMs, by: session.by, reason: 'idle' });
  }
}

/** Agent events carry the coordinate, engine events the replica. */
export function isAgentEvent(event: Event): event is AgentEvent {
  return 'by' in event;
}
