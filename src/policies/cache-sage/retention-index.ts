/** The survival index of one tenant on one engine: an incremental order of groups by what they are worth. */
import type { AgentId, CacheUnit, Coordinate, LearnerSource, Lease, RetentionIndex, SessionForecasts, StateBytes, TenantId, Touch, TouchKind, UnitId } from '../../core/index.ts';
import { TableReader, TableWriter } from '../../learner/index.ts';
import { Frontier } from './frontier.ts';
import { GroupValues, type ValueUnit } from './group-values.ts';
import { Guard, type Leader } from './guard.ts';
import { LeaseMaker } from './leases.ts';
import { LiveSessions } from './live-sessions.ts';
import { PrefixTree } from './prefix-tree.ts';
import { Renewals } from './renewals.ts';
import { chooseForGap, type GapChoice } from './tool-gap.ts';
import { pickVictims } from './victims.ts';
import { chooseWarmUp, type WarmUpOption } from './warm-up.ts';

export interface IndexOptions {
  readonly learners: LearnerSource;
  readonly tenant: TenantId;
  readonly value: ValueUnit;
  /** Share of its idle time after which a session's forecast is made anew; 0: all are, at each decision, and all that hangs on them. */
  readonly tolerance: number;
  readonly guard: boolean;
  /** Of the real cache; without it the most that was ever resident stands for it. */
  readonly capacityBlocks?: number;
  /** What is evicted falls to a tier below by itself. */
  readonly keepsEvicted?: boolean;
}

/** Forecasts for one group whose value is asked for. */
const LOOKS_PER_VALUE = 64;
/** Between calls: what is less is taken as this. */
const LEAST_INTERVAL_MS = 1;
const SNAPSHOT_VERSION = 3;
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
  private readonly renewals: Renewals;
  private readonly leaseMaker = new LeaseMaker();
  private readonly capacityBlocks: number | undefined;
  private readonly keepsEvicted: boolean;
  private nowMs = 0;
  private lastCallMs = 0;
  /** Between calls, of late. */
  private intervalMs = 1000;
  /** Ordinal of touches. */
  private touches = 0;
  private residentBlocks = 0;
  private mostResidentBlocks = 0;
  private definedUnits = 0;
  private definedBlocks = 0;
  /** Of the call at hand: units of each group that it uses, and the groups that have any. */
  private touchedUnits = new Int32Array(64);
  private readonly way: number[] = [];
  private lastAgent: AgentId | undefined;
  private lastForecasts: SessionForecasts | undefined;
  private lastAgentKey = 0;

  constructor(options: IndexOptions) {
    this.sessions = new LiveSessions(options.learners, options.tenant, options.tolerance);
    this.values = new GroupValues(this.tree, this.sessions, options.value);
    this.capacityBlocks = options.capacityBlocks;
    this.keepsEvicted = options.keepsEvicted ?? false;
    const value = (group: number): number => this.values.of(group, this.nowMs);
    const comes = (group: number): void => this.renewals.catchUp(group, this.nowMs);
    this.real = new Frontier(this.tree.groups, (group) => (this.leader === 'lru' ? this.tree.groups.usedAt[group] : value(group)), comes);
    this.tree.watch(this.real);
    if (options.guard) this.guard = new Guard(this.tree, value, () => this.capacityUnits(), comes);
    this.renewals = new Renewals({ tree: this.tree, sessions: this.sessions, values: this.values, real: this.real, guard: this.guard }, options.tolerance === 0);
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
    const ordinal = ++this.touches;
    this.real.settle();
    this.renewals.begin('observing', touch.origin === 'prompt' ? ordinal : undefined);
    this.renewals.dropEnded();
    const { tree } = this;
    const session = this.sessions.numberOf(touch.by, () => this.values.countSession(nowMs));
    if (touch.origin === 'prompt') {
      this.intervalMs += (nowMs - this.lastCallMs - this.intervalMs) / 16;
      this.lastCallMs = nowMs;
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
    if (session >= 0) {
      // An answer follows: what its end tells goes into the same forecast.
      if (touch.origin === 'prompt') this.sessions.moved(session);
      else this.renewals.callEnded(session, nowMs);
    }
    this.guardSees(touch.units);
    if (touch.origin === 'output' && this.guard?.isOverfull() === true) {
      this.renewals.afterMoves(nowMs);
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
    this.real.settle();
    this.renewals.begin('deciding');
    this.renewals.beforeDecision(nowMs);
    return this.values.raisedOf(group, (child) => this.real.isOccupied(child), this.ownValue);
  }

  victims(blocks: number, pinned: (unit: UnitId) => boolean, nowMs: number): Iterable<UnitId> {
    this.nowMs = nowMs;
    this.real.settle();
    this.renewals.begin('deciding');
    this.renewals.dropEnded();
    this.renewals.beforeDecision(nowMs);
    const trimmed = this.guard?.trim() ?? 0;
    const picked = pickVictims(this.tree, this.real, blocks, pinned);
    this.renewals.decided(trimmed + this.real.taken);
    return picked;
  }

  leases(nowMs: number, max: number): readonly Lease[] {
    return [...this.leaseParts(nowMs, max)].flat().toReversed();
  }

  leaseParts(nowMs: number, max: number): Iterable<readonly Lease[]> {
    this.nowMs = nowMs;
    this.real.settle();
    this.renewals.begin('deciding');
    this.renewals.dropEnded();
    this.renewals.beforeDecision(nowMs);
    this.values.renew();
    const valueNow = (group: number): number => this.values.raisedOf(group, (child) => this.real.isOccupied(child), this.ownValue);
    return this.leaseMaker.parts({ tree: this.tree, sessions: this.sessions, values: this.values, real: this.real, leader: this.leader, touches: this.touches }, valueNow, nowMs, max);
  }

  /** Where the history of a session that waits for a tool is best kept. */
  chooseForGap(by: Coordinate, nowMs: number): GapChoice {
    const session = this.sessions.numberOf(by, () => this.values.countSession(nowMs));
    if (session < 0) return 'nothing';
    const price = this.leader === 'survival' ? this.real.price : (this.guard?.bySurvival.price ?? 0);
    return chooseForGap({ tree: this.tree, sessions: this.sessions, values: this.values, price, keepsEvicted: this.keepsEvicted }, session, nowMs);
  }

  /** Whether the learner knows the session, and that it has not ended. */
  isLive(by: Coordinate): boolean {
    return this.sessions.isLive(by);
  }

  /** Of these lineages that wait, the one that is best computed ahead of its next call, if any is. */
  chooseWarmUp(lineages: readonly WarmUpOption[], nowMs: number): Coordinate | undefined {
    this.nowMs = nowMs;
    if (this.leader === 'lru') return undefined;
    this.real.settle();
    this.renewals.dropEnded();
    const { tree, sessions, values, real } = this;
    return chooseWarmUp({ tree, sessions, values, real, callsPerMs: 1 / Math.max(LEAST_INTERVAL_MS, this.intervalMs), numberOf: (by) => sessions.numberOf(by, () => values.countSession(nowMs)) }, lineages, nowMs);
  }

  stateBytes(): StateBytes {
    const { tree } = this;
    return {
      learned: this.sessions.learnedBytes(),
      working: tree.units.bytes + tree.groups.bytes + tree.members.bytes + this.real.bytes + this.values.bytes + this.sessions.bytes + this.touchedUnits.byteLength + this.leaseMaker.bytes,
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
    const known = session >= 0 ? members.find(group, session) : -1;
    let kind = touch.origin === 'prompt' ? PROMPT : OUTPUT;
    if (isNew) {
      groups.sharers[group] = 1;
      groups.bornAt[group] = groups.sharedAt[group] = now;
    } else if (known >= 0) kind = PROVEN;
    else {
      kind = BORROWED;
      groups.sharers[group]++;
      groups.sharedAt[group] = now;
    }
    groups.usedAt[group] = ordinal;
    if (session >= 0) {
      const live = this.sessions.liveOf(session);
      const forecasts = this.sessions.sourceOf(session);
      const agent = this.agentOf(forecasts, touch.by.agent);
      members.use(known, group, session, agent, kind, live.calls - 1, forecasts.agentCalls(live, agent));
    }
    this.real.rankAnew(group);
    return group;
  }

  /** A call touches several groups. */
  private agentOf(forecasts: SessionForecasts, agent: AgentId): number {
    if (agent !== this.lastAgent || forecasts !== this.lastForecasts) {
      this.lastAgent = agent;
      this.lastForecasts = forecasts;
      this.lastAgentKey = forecasts.agentKey(agent);
    }
    return this.lastAgentKey;
  }

  /** Tells the learner which of the session's groups this call has used again, once per call. */
  private teach(session: number, chain: Int32Array): void {
    const { groups, members, units } = this.tree;
    const { way } = this;
    const live = this.sessions.liveOf(session);
    const forecasts = this.sessions.sourceOf(session);
    if (!this.sessions.takeLesson(session)) return;
    if (this.touchedUnits.length < groups.bound) this.touchedUnits = new Int32Array(groups.bound * 2);
    for (let at = 0; at < chain.length;) {
      const group = units.group[chain[at]];
      const end = group >= 0 ? this.tree.endOfRun(chain, at, group) : at + 1;
      if (group >= 0) {
        this.touchedUnits[group] = end - at;
        way.push(group);
      }
      at = end;
    }
    for (let member = members.firstOf(session); member >= 0; member = members.nextInSession[member]) {
      const group = members.group[member];
      forecasts.tallyTouch(live, members.kind[member] as TouchKind, members.agent[member], members.step[member], members.nth[member], this.touchedUnits[group], groups.units[group]);
    }
    for (let group = way.pop(); group !== undefined; group = way.pop()) this.touchedUnits[group] = 0;
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

  private readonly ownValue = (group: number): number => {
    this.values.catchUp(this.values.usedAtOrAbove(group), this.nowMs, LOOKS_PER_VALUE);
    return this.values.of(group, this.nowMs);
  };

  private capacityUnits(): number {
    const blocks = this.capacityBlocks ?? this.mostResidentBlocks;
    return this.definedBlocks === 0 ? 0 : Math.floor((blocks * this.definedUnits) / this.definedBlocks);
  }
}
