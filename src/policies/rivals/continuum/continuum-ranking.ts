/**
 * Continuum's retention (arXiv 2511.02230): while a tool runs, what its call used is pinned for a time to live that is
 * worth it; else least recently used. Pins yield under pressure, those of the programs that came last first.
 */
import type { Event, SessionId, Touch } from '../../../core/index.ts';
import type { LeafIndex, LeafRanking } from '../leaves/leaf-index.ts';
import { Expiries } from '../sessions/expiries.ts';
import { PauseTables } from '../sessions/pause-tables.ts';
import { SessionOwners, type Owner } from '../sessions/session-owners.ts';
import { WaitingSessions } from '../sessions/waiting-sessions.ts';

export interface ContinuumConstants {
  readonly coldStartTtlMs: number;
  readonly leastSamples: number;
  readonly handOvers: boolean;
}

/** No call runs longer, should its end never be told. */
const LONGEST_CALL_MS = 600_000;

interface Program {
  /** Programs are numbered as they come. */
  readonly number: number;
  pinnedUntilMs: number;
  /** Ordinal of the touch of its last prompt: what was used since belongs to its last call. */
  lastPrompt: number;
  contextMs: number;
  contextBlocks: number;
}

export class ContinuumRanking implements LeafRanking {
  readonly #index: LeafIndex;
  readonly #constants: ContinuumConstants;
  readonly #capacityBlocks: number | undefined;
  readonly #programs = new SessionOwners<Program>((number) => ({ number, pinnedUntilMs: 0, lastPrompt: 0, contextMs: 0, contextBlocks: 0 }));
  readonly #bySlot: (Owner<Program> | undefined)[] = [];
  readonly #expiries = new Expiries();
  readonly #pauses = new PauseTables();
  readonly #waiting = new WaitingSessions<string>();
  readonly #rankAnew = (unit: number): void => this.#index.rankAnew(unit);

  constructor(index: LeafIndex, constants: ContinuumConstants, capacityBlocks: number | undefined) {
    this.#index = index;
    this.#constants = constants;
    this.#capacityBlocks = capacityBlocks;
  }

  observe(event: Event): void {
    if (event.type === 'session-end') this.#unpin(event.by.session, event.atMs);
    if (event.type === 'request-arrive' && !event.warmup) this.#arrive(event.by.session, event.atMs);
    if (event.type === 'request-end' && !event.warmup) this.#end(event.by.session, event.by.agent, event.tools, event.atMs);
  }

  touch(touch: Touch): void {
    const { units, first, origin } = touch;
    const owner = this.#programs.enter(touch.by.session);
    const program = owner.state;
    if (origin === 'prompt') {
      program.lastPrompt = this.#index.touches + 1;
      program.contextMs = program.contextBlocks = 0;
      for (const unit of units) {
        program.contextMs += this.#index.units.marginalMs[unit];
        program.contextBlocks += this.#index.units.blocks[unit];
      }
    }
    for (let position = first; position < units.length; position++) this.#programs.own(units[position], owner);
    this.#programs.rankLeavesAnew(owner, this.#rankAnew);
  }

  rank(unit: number, nowMs: number): number {
    const owner = this.#programs.ownerOf(unit);
    if (owner === undefined) return 0;
    owner.addLeaf(unit);
    const { pinnedUntilMs, lastPrompt, number } = owner.state;
    const isPinned = pinnedUntilMs > nowMs && this.#index.usedAt[unit] >= lastPrompt;
    return isPinned ? 1 + 1 / number : 0;
  }

  advance(nowMs: number): void {
    for (let slot = this.#expiries.next(nowMs); slot >= 0; slot = this.#expiries.next(nowMs)) {
      const owner = this.#bySlot[slot];
      if (owner !== undefined) this.#programs.rankLeavesAnew(owner, this.#rankAnew);
    }
  }

  dropped(unit: number): void { this.#programs.dropLeaf(unit); }

  forget(unit: number): void { this.#programs.disown(unit); }

  stateBytes() { return { learned: this.#pauses.bytes, working: this.#programs.bytes + this.#expiries.bytes + this.#waiting.bytes, ghosts: 0 }; }

  #arrive(session: SessionId, nowMs: number): void {
    const back = this.#waiting.take(session, nowMs);
    if (back !== undefined) this.#pauses.learn(back.what, back.pauseMs);
    for (let key = this.#waiting.nextEnded(nowMs); key !== undefined; key = this.#waiting.nextEnded(nowMs)) this.#pauses.learnEnd(key);
    this.#pin(this.#programs.enter(session), nowMs + LONGEST_CALL_MS);
  }

  #end(session: SessionId, agent: string, tools: readonly string[], nowMs: number): void {
    const key = tools.at(-1) ?? (this.#constants.handOvers ? `answer of ${agent}` : undefined);
    if (key === undefined) {
      this.#unpin(session, nowMs);
      return;
    }
    const displaced = this.#waiting.add(session, key, nowMs);
    if (displaced !== undefined) this.#pauses.learnEnd(displaced);
    const owner = this.#programs.enter(session);
    this.#pin(owner, nowMs + this.#timeToLiveMs(key, owner.state));
  }

  #timeToLiveMs(key: string, { contextMs, contextBlocks }: Program): number {
    const { leastSamples, coldStartTtlMs } = this.#constants;
    const share = contextBlocks / Math.max(1, this.#capacityBlocks ?? this.#index.units.mostResidentBlocks);
    for (const table of [this.#pauses.of(key), this.#pauses.all]) {
      if (table.returned + table.ended >= leastSamples) return table.bestTimeToLiveMs(contextMs, share);
    }
    return coldStartTtlMs;
  }

  #unpin(session: SessionId, nowMs: number): void {
    const owner = this.#programs.find(session);
    if (owner !== undefined) this.#pin(owner, nowMs);
  }

  #pin(owner: Owner<Program>, untilMs: number): void {
    owner.state.pinnedUntilMs = untilMs;
    this.#bySlot[owner.slot] = owner;
    this.#expiries.set(owner.slot, untilMs);
    this.#programs.rankLeavesAnew(owner, this.#rankAnew);
  }
}
