/**
 * LPC's retention (Yang et al., NeurIPS 2025): the last use of a conversation's cache counts the less the less likely
 * the conversation goes on. With a chance p that fades by e^(−idle/τ) the order of all conversations stays what it is as
 * time passes, so that the rank is one number: last use + τ · ln p.
 */
import type { Event, RequestEnd, SessionId, Touch } from '../../../core/index.ts';
import { grownFloat64 } from '../../../core/growing.ts';
import type { LeafIndex, LeafRanking } from '../leaves/leaf-index.ts';
import { SessionOwners } from '../sessions/session-owners.ts';
import { WaitingSessions } from '../sessions/waiting-sessions.ts';
import { ContinuationModel, featuresOf } from './continuation-model.ts';

export interface LpcConstants {
  readonly learningRate: number;
  readonly leastProbability: number;
  readonly fadingPauses: number;
}

/** The mean pause moves by this share of each new one, until there have been as many. */
const PAUSES_REMEMBERED = 200;

interface Conversation {
  /** τ · ln p, in ms: at most 0. */
  handicapMs: number;
}

export class LpcRanking implements LeafRanking {
  readonly #index: LeafIndex;
  readonly #constants: LpcConstants;
  readonly #model: ContinuationModel;
  readonly #conversations = new SessionOwners<Conversation>(() => ({ handicapMs: 0 }));
  readonly #waiting = new WaitingSessions<Int32Array>();
  readonly #rankAnew = (unit: number): void => this.#index.rankAnew(unit);
  #lastUseMs = new Float64Array(1024);
  #startMs = NaN;
  #pauses = 0;
  #meanPauseMs = 0;

  constructor(index: LeafIndex, constants: LpcConstants) {
    this.#index = index;
    this.#constants = constants;
    this.#model = new ContinuationModel(constants.learningRate);
  }

  observe(event: Event): void {
    if (event.type === 'session-end') this.#handicap(event.by.session, this.#constants.leastProbability);
    if (event.type === 'request-arrive' && !event.warmup) this.#arrive(event.by.session, event.atMs);
    if (event.type === 'request-end' && !event.warmup) this.#end(event);
  }

  touch({ by, units, first }: Touch, nowMs: number): void {
    if (Number.isNaN(this.#startMs)) this.#startMs = nowMs;
    const owner = this.#conversations.enter(by.session);
    for (let position = first; position < units.length; position++) {
      this.#conversations.own(units[position], owner);
      this.#setUse(units[position], nowMs - this.#startMs);
    }
  }

  /** In seconds since the first touch. */
  rank(unit: number): number {
    const lastUseMs = unit < this.#lastUseMs.length ? this.#lastUseMs[unit] : 0;
    const owner = this.#conversations.ownerOf(unit);
    owner?.addLeaf(unit);
    return (lastUseMs + (owner?.state.handicapMs ?? 0)) / 1000;
  }

  stored(unit: number): void {
    // An answer in the making counts as used with what it hangs from.
    const parent = this.#index.units.parents[unit];
    if (parent < 0 || this.#useOf(unit) >= this.#useOf(parent)) return;
    this.#setUse(unit, this.#useOf(parent));
    const owner = this.#conversations.ownerOf(parent);
    if (owner !== undefined) this.#conversations.own(unit, owner);
  }

  dropped(unit: number): void { this.#conversations.dropLeaf(unit); }

  forget(unit: number): void {
    this.#conversations.disown(unit);
    if (unit < this.#lastUseMs.length) this.#lastUseMs[unit] = 0;
  }

  stateBytes() { return { learned: this.#model.bytes, working: this.#conversations.bytes + this.#waiting.bytes + this.#lastUseMs.byteLength, ghosts: 0 }; }

  #useOf(unit: number): number { return unit < this.#lastUseMs.length ? this.#lastUseMs[unit] : 0; }

  #setUse(unit: number, useMs: number): void {
    this.#lastUseMs = grownFloat64(this.#lastUseMs, unit + 1);
    this.#lastUseMs[unit] = useMs;
  }

  #arrive(session: SessionId, nowMs: number): void {
    const back = this.#waiting.take(session, nowMs);
    if (back !== undefined) {
      this.#model.learn(back.what, true);
      this.#pauses = Math.min(PAUSES_REMEMBERED, this.#pauses + 1);
      this.#meanPauseMs += (back.pauseMs - this.#meanPauseMs) / this.#pauses;
    }
    for (let features = this.#waiting.nextEnded(nowMs); features !== undefined; features = this.#waiting.nextEnded(nowMs)) this.#model.learn(features, false);
    this.#handicap(session, 1);
  }

  #end(event: RequestEnd): void {
    const features = featuresOf(event);
    const displaced = this.#waiting.add(event.by.session, features, event.atMs);
    if (displaced !== undefined) this.#model.learn(displaced, false);
    this.#handicap(event.by.session, this.#model.probability(features));
  }

  #handicap(session: SessionId, probability: number): void {
    const { leastProbability, fadingPauses } = this.#constants;
    const owner = this.#conversations.enter(session);
    owner.state.handicapMs = fadingPauses * this.#meanPauseMs * Math.log(Math.max(leastProbability, probability));
    this.#conversations.rankLeavesAnew(owner, this.#rankAnew);
  }
}
