/**
 * SAGA's retention (arXiv 2605.00528), as far as one cache is concerned: a session's caches live and die together. Each
 * call's end gives them a lifetime by the tool that it issued; while it lasts they rank by how likely such a step is
 * followed by another one of the session, after it they go first, least recently used.
 */
import type { Event, SessionId, Touch } from '../../../core/index.ts';
import type { LeafIndex, LeafRanking } from '../leaves/leaf-index.ts';
import { SharedUnits } from '../cachescout/shared-units.ts';
import { Expiries } from '../sessions/expiries.ts';
import { PauseTables } from '../sessions/pause-tables.ts';
import { SessionOwners, type Owner } from '../sessions/session-owners.ts';
import { WaitingSessions } from '../sessions/waiting-sessions.ts';

export interface SagaConstants {
  readonly coldStartLifetimeMs: number;
  readonly leastSamples: number;
  readonly quantile: number;
}

/** No call runs longer, should its end never be told. */
const LONGEST_CALL_MS = 600_000;

interface Workflow {
  aliveUntilMs: number;
  /** That there will be another step. */
  reuse: number;
}

export class SagaRanking implements LeafRanking {
  readonly #index: LeafIndex;
  readonly #constants: SagaConstants;
  readonly #workflows = new SessionOwners<Workflow>(() => ({ aliveUntilMs: 0, reuse: 1 }));
  readonly #bySlot: (Owner<Workflow> | undefined)[] = [];
  readonly #expiries = new Expiries();
  /** By step of the execution graph: agent, and the tool that it called. */
  readonly #pauses = new PauseTables();
  readonly #shared = new SharedUnits();
  readonly #waiting = new WaitingSessions<string>();
  readonly #rankAnew = (unit: number): void => this.#index.rankAnew(unit);

  constructor(index: LeafIndex, constants: SagaConstants) {
    this.#index = index;
    this.#constants = constants;
  }

  observe(event: Event): void {
    if (event.type === 'session-end') this.#live(event.by.session, event.atMs, 0);
    if (event.type === 'request-arrive' && !event.warmup) this.#arrive(event.by.session, event.atMs);
    if (event.type === 'request-end' && !event.warmup) this.#end(event.by.session, `${event.by.agent} ${event.tools.at(-1) ?? ''}`, event.atMs);
  }

  touch({ by, units, first, origin }: Touch): void {
    if (origin === 'prompt') {
      for (const unit of units) this.#shared.reserve(unit);
      this.#shared.note(units, by.session);
    }
    const owner = this.#workflows.enter(by.session);
    for (let position = first; position < units.length; position++) this.#workflows.own(units[position], owner);
  }

  rank(unit: number, nowMs: number): number {
    const owner = this.#workflows.ownerOf(unit);
    if (owner === undefined) return 0;
    owner.addLeaf(unit);
    if (this.#shared.isShared(unit)) return 1;
    if (owner.state.aliveUntilMs <= nowMs) return 0;
    return owner.state.reuse < 0.5 ? 0.5 : 1;
  }

  advance(nowMs: number): void {
    for (let slot = this.#expiries.next(nowMs); slot >= 0; slot = this.#expiries.next(nowMs)) {
      const owner = this.#bySlot[slot];
      if (owner !== undefined) this.#workflows.rankLeavesAnew(owner, this.#rankAnew);
    }
  }

  dropped(unit: number): void { this.#workflows.dropLeaf(unit); }

  forget(unit: number): void { this.#workflows.disown(unit); }

  stateBytes() { return { learned: this.#pauses.bytes, working: this.#workflows.bytes + this.#expiries.bytes + this.#waiting.bytes, ghosts: 0 }; }

  #arrive(session: SessionId, nowMs: number): void {
    const back = this.#waiting.take(session, nowMs);
    if (back !== undefined) this.#pauses.learn(back.what, back.pauseMs);
    for (let step = this.#waiting.nextEnded(nowMs); step !== undefined; step = this.#waiting.nextEnded(nowMs)) this.#pauses.learnEnd(step);
    this.#live(session, nowMs + LONGEST_CALL_MS, 1);
  }

  #end(session: SessionId, step: string, nowMs: number): void {
    const displaced = this.#waiting.add(session, step, nowMs);
    if (displaced !== undefined) this.#pauses.learnEnd(displaced);
    const { leastSamples, quantile, coldStartLifetimeMs } = this.#constants;
    const seen = this.#pauses.of(step);
    const table = seen.returned + seen.ended >= leastSamples ? seen : this.#pauses.all;
    const isKnown = table.returned >= leastSamples;
    const lifetimeMs = isKnown ? table.quantileMs(quantile) : coldStartLifetimeMs;
    this.#live(session, nowMs + lifetimeMs, (table.returned + 1) / (table.returned + table.ended + 2));
  }

  #live(session: SessionId, untilMs: number, reuse: number): void {
    const owner = this.#workflows.enter(session);
    owner.state.aliveUntilMs = untilMs;
    owner.state.reuse = reuse;
    this.#bySlot[owner.slot] = owner;
    this.#expiries.set(owner.slot, untilMs);
    this.#workflows.rankLeavesAnew(owner, this.#rankAnew);
  }
}
