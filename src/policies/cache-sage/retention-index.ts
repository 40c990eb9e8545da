/** The survival index of one tenant on one engine: an incremental order of groups by what they are worth. */
import type { CacheUnit, LearnerSource, Lease, RetentionIndex, StateBytes, TenantId, Touch, TouchKind, UnitId } from '../../core/index.ts';
import { TableReader, TableWriter } from '../../learner/index.ts';
import { Frontier } from './frontier.ts';
import { GroupValues, type ValueUnit } from './group-values.ts';
import { Guard, type Leader } from './guard.ts';
import { makeLeases } from './leases.ts';
import { LiveSessions } from './live-sessions.ts';
import { PrefixTree } from './prefix-tree.ts';
import { pickVictims } from './victims.ts';

export interface IndexOptions {
  readonly learners: LearnerSource;
  readonly tenant: TenantId;
  readonly value: ValueUnit;
  /** Share of its idle time after which a session's forecast is made anew. */
  readonly tolerance: number;
  readonly guard: boolean;
  /** Of the real cache; without it the most that was ever resident stands for it. */
  readonly capacityBlocks?: number;
}

/** Forecasts made anew per decision at most; the rest wait for the next one. */
const FORECASTS_PER_DECISION = 24;
/** Groups at the brink that are valued anew in turn per decision, whatever the reason they may have changed for. */
const LOOKS_PER_DECISION = 4;
const SNAPSHOT_VERSION = 2;
const PROVEN: TouchKind = 0;
const PROMPT: TouchKind = 1;
const OUTPUT: TouchKind = 2;
const BORROWED: TouchKind = 3;

export class SageIndex implements RetentionIndex {
  private readonly tree = new PrefixTree();
  private readonly sessions: LiveSessions;
  private readonly values: GroupValues;
  private readonly real: Frontier;
  private readonly guard: Guard | undefined;
  private readonly capacityBlocks: number | undefined;
  private nowMs = 0;
  /** Ordinal of touches. */
  private touches = 0;
  private looked = 0;
  private residentBlocks = 0;
  private mostResidentBlocks = 0;
  private definedUnits = 0;
  private definedBlocks = 0;
  private readonly refreshed: number[] = [];
  private touchedUnits = new Int32Array(64);
  /** Last call of each session that has taught the learner which groups it used again. */
  private readonly taughtCall: number[] = [];

  constructor(options: IndexOptions) {
    this.sessions = new LiveSessions(options.learners, options.tenant, options.tolerance);
    this.values = new GroupValues(this.tree, this.sessions, options.value);
    this.capacityBlocks = options.capacityBlocks;
    this.real = new Frontier(this.tree.groups, (group) => (this.leader === 'lru' ? this.tree.groups.usedAt[group] : this.values.of(group, this.nowMs)));
    this.tree.watch(this.real);
    if (options.guard) this.guard = new Guard(this.tree, (group) => this.values.of(group, this.nowMs), () => this.capacityUnits());
  }

  get leader(): Leader {
    return this.guard?.leader ?? 'survival';
  }

  define(unit: CacheUnit): void {
    this.tree.define(unit);
    this.definedUnits++;
    this.definedBlocks += unit.sizeBlocks;
    this.values.countUnit(unit.sizeBlocks, unit.marginalPrefillMs);
  }

  touch(touch: Touch, nowMs: number): void {
    this.nowMs = nowMs;
    this.values.renew();
    this.dropEnded();
    const { tree } = this;
    const ordinal = ++this.touches;
    const session = this.sessions.numberOf(touch.by, () => this.values.countSession(nowMs));
    if (touch.origin === 'prompt') {
      if (this.guard?.arrive(touch.units) === true) this.real.rankAllAnew();
      this.guard?.protectFrom(ordinal);
      if (session >= 0) this.teach(session, touch.units);
    }
    if (touch.first > 0) tree.endGroupAt(touch.units[touch.first - 1]);
    for (let at = touch.first; at < touch.units.length;) {
      const group = this.use(touch, at, session, ordinal);
      at += tree.groups.units[group];
    }
    this.joinAlong(touch.units);
    this.guardSees(touch.units);
    if (session >= 0) this.sessions.moved(session);
    if (touch.origin === 'output' && this.guard?.isOverfull() === true) {
      this.refreshDue(nowMs);
      this.guard.trim();
    }
  }

  setResident(unit: UnitId, resident: boolean): void {
    const { units } = this.tree;
    if (!units.isKnown(unit) || (units.resident[unit] === 1) === resident) return;
    const sign = resident ? 1 : -1;
    units.resident[unit] = resident ? 1 : 0;
    this.residentBlocks += sign * units.blocks[unit];
    if (this.residentBlocks > this.mostResidentBlocks) this.mostResidentBlocks = this.residentBlocks;
    if (resident) this.tree.adopt(unit);
    const group = units.group[unit];
    if (group >= 0) this.real.setKept(group, this.real.kept[group] + sign);
  }

  forget(unit: UnitId): void {
    if (!this.tree.units.isKnown(unit)) return;
    if (this.tree.units.resident[unit] === 1) this.setResident(unit, false);
    this.tree.forget(unit);
  }

  value(unit: UnitId, nowMs: number): number {
    this.nowMs = nowMs;
    if (!this.tree.units.isKnown(unit)) return 0;
    const group = this.tree.units.group[unit];
    if (group < 0) return 0;
    if (this.leader === 'lru') return 1 / (1 + this.touches - this.tree.groups.usedAt[group]);
    this.refreshDue(nowMs);
    return this.values.raisedOf(group, nowMs, (child) => this.real.isOccupied(child));
  }

  victims(blocks: number, pinned: (unit: UnitId) => boolean, nowMs: number): Iterable<UnitId> {
    this.nowMs = nowMs;
    this.dropEnded();
    this.values.renew();
    this.refreshDue(nowMs);
    this.lookAround();
    this.guard?.trim();
    return pickVictims(this.tree, this.real, blocks, pinned);
  }

  leases(nowMs: number, max: number): readonly Lease[] {
    this.nowMs = nowMs;
    this.dropEnded();
    return makeLeases({ tree: this.tree, sessions: this.sessions, values: this.values, real: this.real, leader: this.leader, touches: this.touches }, nowMs, max);
  }

  stateBytes(): StateBytes {
    const { tree } = this;
    const sessions = this.sessions.count * 4096;
    return {
      learned: this.sessions.learnedBytes(),
      working: tree.units.bytes + tree.groups.bytes + tree.members.bytes + this.real.bytes + this.values.bytes + sessions,
      ghosts: this.guard?.bytes ?? 0,
    };
  }

  /** What the guard has seen. The cache's own state is the engine's, what sessions do is the learner's. */
  snapshot(): Uint8Array {
    const writer = new TableWriter();
    this.guard?.save(writer);
    return writer.finish(SNAPSHOT_VERSION);
  }
  /** @throws EntresolError `ENT_SNAPSHOT_INVALID`; the index is then unchanged */
  restore(bytes: Uint8Array): void {
    const reader = new TableReader(bytes, SNAPSHOT_VERSION);
    this.guard?.load(reader);
    this.real.rankAllAnew();
  }

  // ---- touches

  /** The run that begins at `at`: its group gets the session's use, and is the latest. */
  private use(touch: Touch, at: number, session: number, ordinal: number): number {
    const { groups, members } = this.tree;
    const group = this.tree.claim(touch.units, at);
    const isNew = groups.sharers[group] === 0;
    const now = this.values.sessionOrdinal;
    let kind = touch.origin === 'prompt' ? PROMPT : OUTPUT;
    if (isNew) {
      groups.sharers[group] = 1;
      groups.bornAt[group] = groups.sharedAt[group] = now;
    } else if (session >= 0 && members.find(group, session) >= 0) kind = PROVEN;
    else {
      kind = BORROWED;
      groups.sharers[group]++;
      groups.sharedAt[group] = now;
    }
    groups.usedAt[group] = ordinal;
    if (session >= 0) {
      const { live, forecasts } = this.sessions.worth(session);
      const agent = forecasts.agentKey(touch.by.agent);
      members.use(group, session, agent, kind, live.calls - 1, forecasts.agentCalls(live, agent));
    }
    this.real.rankAnew(group);
    return group;
  }

  /** Tells the learner which of the session's groups this call has used again, once per call. */
  private teach(session: number, chain: Int32Array): void {
    const { groups, members, units } = this.tree;
    const { live, forecasts } = this.sessions.worth(session);
    if (this.taughtCall[session] === live.calls) return;
    this.taughtCall[session] = live.calls;
    if (this.touchedUnits.length < groups.bound) this.touchedUnits = new Int32Array(groups.bound * 2);
    for (const unit of chain) if (units.isKnown(unit) && units.group[unit] >= 0) this.touchedUnits[units.group[unit]]++;
    for (let member = members.firstOfSession[session] ?? -1; member >= 0; member = members.nextInSession[member]) {
      const group = members.group[member];
      forecasts.tallyTouch(live, members.kind[member] as TouchKind, members.agent[member], members.step[member], members.nth[member], this.touchedUnits[group], groups.units[group]);
    }
    for (const unit of chain) if (units.isKnown(unit) && units.group[unit] >= 0) this.touchedUnits[units.group[unit]] = 0;
    forecasts.learnTouches();
  }

  private joinAlong(chain: Int32Array): void {
    const { units, groups } = this.tree;
    for (let at = 0; at < chain.length;) {
      const group = units.group[chain[at]];
      at += groups.units[group];
      this.tree.joinToParent(group);
    }
  }

  private guardSees(chain: Int32Array): void {
    if (this.guard === undefined || chain.length > this.capacityUnits()) return;
    const { units, groups } = this.tree;
    for (let at = 0; at < chain.length;) {
      const group = units.group[chain[at]];
      if (this.touches - groups.usedAt[group] <= 1) this.guard.use(group);
      at += groups.units[group];
    }
  }

  // ---- keeping values fresh

  private dropEnded(): void {
    for (const session of this.sessions.ended()) {
      this.values.renew();
      const { members } = this.tree;
      for (let member = members.firstOfSession[session] ?? -1; member >= 0; member = members.firstOfSession[session]) {
        const group = members.group[member];
        members.remove(member);
        this.rankAnew(group);
      }
      this.taughtCall[session] = 0;
      this.sessions.drop(session);
    }
  }

  private refreshDue(nowMs: number): void {
    const { members } = this.tree;
    const { refreshed } = this;
    while (refreshed.length < FORECASTS_PER_DECISION) {
      const session = this.sessions.nextDue(nowMs);
      if (session < 0) break;
      this.sessions.forecast(session, nowMs);
      refreshed.push(session);
    }
    if (refreshed.length === 0) return;
    // All forecasts first: what many sessions share is then valued once.
    this.values.renew();
    for (const session of refreshed) {
      for (let member = members.firstOfSession[session] ?? -1; member >= 0; member = members.nextInSession[member]) this.rankAnew(members.group[member]);
    }
    refreshed.length = 0;
  }

  private lookAround(): void {
    const { heap } = this.real;
    for (let count = 0; count < LOOKS_PER_DECISION && heap.size > 0; count++) {
      this.looked = (this.looked + 1) % heap.size;
      this.rankAnew(heap.at(this.looked));
    }
  }

  private rankAnew(group: number): void {
    this.real.rankAnew(group);
    this.guard?.rankAnew(group);
  }

  private capacityUnits(): number {
    const blocks = this.capacityBlocks ?? this.mostResidentBlocks;
    return this.definedBlocks === 0 ? 0 : Math.floor((blocks * this.definedUnits) / this.definedBlocks);
  }
}
