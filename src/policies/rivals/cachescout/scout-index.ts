/**
 * CacheScout's eviction as a retention index. Score of a block (equation 9): (survival of its agent + δ) ×
 * (exp(−λ·age) + δ) × size, lowest first. Blocks of one agent differ in age alone, so each agent has a recency list
 * and only the lists' ends compete.
 */
import type { CacheUnit, Lease, RetentionIndex, StateBytes, Touch, UnitId } from '../../../core/index.ts';
import { grownFloat64, grownInt32, grownUint8 } from '../../../core/growing.ts';
import { NONE, RecencyLists } from '../../lru/recency-lists.ts';
import type { AgentFingerprints } from './agent-fingerprints.ts';
import { chooseLowest } from './choose-lowest.ts';
import type { CurrentAgents } from './current-agents.ts';
import { SharedUnits } from './shared-units.ts';
import type { TransitionGraph } from './transition-graph.ts';

export interface ScoreConstants {
  /** λ: how fast recency fades, per scheduler step. */
  readonly fadingPerStep: number;
  /** δ: what is left of either factor at its lowest. */
  readonly floor: number;
}

/** The list of blocks that no agent has; survival 0. */
const UNOWNED = 0;

export class ScoutIndex implements RetentionIndex {
  readonly #graph: TransitionGraph;
  readonly #fingerprints: AgentFingerprints;
  readonly #current: CurrentAgents;
  readonly #constants: ScoreConstants;
  /** Given: only blocks that two sessions have used belong to an agent. */
  readonly #shared: SharedUnits | undefined;
  /** Class 0 is unowned, class a + 1 belongs to agent a. */
  readonly #lists = new RecencyLists(1);
  #parents = new Int32Array(1024).fill(NONE);
  #lastSteps = new Int32Array(1024);
  #sizes = new Int32Array(1024);
  #marginalMs = new Float64Array(1024);
  #resident = new Uint8Array(1024);
  /** Resident units that hang from each unit: the engine drops children before parents. */
  #residentChildren = new Int32Array(1024);
  /** A scheduler step is a call here. */
  #step = 0;

  constructor(parts: { graph: TransitionGraph; fingerprints: AgentFingerprints; current: CurrentAgents; constants: ScoreConstants; sharedUnits?: SharedUnits }) {
    this.#graph = parts.graph;
    this.#fingerprints = parts.fingerprints;
    this.#current = parts.current;
    this.#constants = parts.constants;
    this.#shared = parts.sharedUnits;
  }

  define(unit: CacheUnit): void {
    this.#reserve(unit.id);
    this.#parents[unit.id] = unit.parent ?? NONE;
    this.#sizes[unit.id] = unit.sizeBlocks;
    this.#marginalMs[unit.id] = unit.marginalPrefillMs;
    this.#residentChildren[unit.id] = 0;
  }

  touch(touch: Touch): void {
    // An answer is its prompt's agent's, whoever has called since.
    const prompt = touch.origin === 'prompt' ? touch.units : touch.units.subarray(0, touch.first);
    const agent = this.#fingerprints.agentOf(prompt);
    if (touch.origin === 'prompt') this.#enter(touch, agent);
    // ObserveTouch(b, s_b) of Algorithm 1: every touched block is the agent's.
    const owned = agent + 1;
    for (let position = touch.units.length - 1; position >= 0; position--) {
      const unit = touch.units[position];
      const toClass = this.#shared === undefined || this.#shared.isShared(unit) ? owned : UNOWNED;
      this.#lists.moveToNewest(unit, toClass);
      this.#lastSteps[unit] = this.#step;
    }
  }

  setResident(unit: UnitId, resident: boolean): void {
    if ((this.#resident[unit] === 1) !== resident) {
      this.#resident[unit] = resident ? 1 : 0;
      const parent = this.#parents[unit];
      if (parent !== NONE) this.#residentChildren[parent] += resident ? 1 : -1;
    }
    if (!resident) this.#lists.remove(unit);
    else if (this.#lists.classOf(unit) === NONE) this.#listUntouched(unit);
  }

  forget(unit: UnitId): void {
    this.setResident(unit, false);
    this.#lists.remove(unit);
    this.#fingerprints.forget(unit);
    this.#shared?.forget(unit);
  }

  /** The published score, scaled by the unit's prefill cost: an order among units of equal cost. */
  value(unit: UnitId): number {
    return this.#lists.classOf(unit) === NONE ? 0 : this.#score(unit) * this.#marginalMs[unit];
  }

  *victims(_blocks: number, pinned: (unit: UnitId) => boolean): Iterable<UnitId> {
    const candidates = chooseLowest(this.#lists, (unit) => this.#score(unit));
    const childrenGone = new Map<number, number>();
    const waiting = new Set<number>();
    for (const candidate of candidates) {
      if (pinned(candidate as UnitId)) continue;
      if (this.#resident[candidate] === 0) {
        // Touched, but gone or never stored: the list may lose it.
        this.#lists.remove(candidate);
        continue;
      }
      let unit: number = candidate;
      // A block whose turn came before its children's goes right after the last of them.
      while (unit !== NONE) {
        if (this.#residentChildren[unit] > (childrenGone.get(unit) ?? 0)) {
          waiting.add(unit);
          break;
        }
        waiting.delete(unit);
        yield unit as UnitId;
        const parent = this.#parents[unit];
        if (parent === NONE) break;
        childrenGone.set(parent, (childrenGone.get(parent) ?? 0) + 1);
        if (!waiting.has(parent)) break;
        unit = parent;
      }
    }
  }

  leases(): readonly Lease[] { return []; }

  stateBytes(): StateBytes {
    const perUnit = this.#parents.length * (4 + 4 + 4 + 8 + 1 + 4);
    return { learned: this.#graph.bytes + this.#fingerprints.bytes, working: this.#lists.bytes + perUnit + (this.#shared?.bytes ?? 0), ghosts: 0 };
  }

  #enter(touch: Touch, agent: number): void {
    this.#step++;
    while (this.#lists.classCount <= this.#graph.agents) this.#lists.addClass();
    this.#shared?.note(touch.units, touch.by.session);
    if (agent < 0) return;
    const before = this.#current.enter(touch.by.session, agent, this.#step);
    if (before >= 0) this.#graph.observe(before, agent);
    this.#graph.measureHops(this.#current.sources(this.#step));
  }

  /** An answer in the making: resident before its touch. It counts as used with what it hangs from. */
  #listUntouched(unit: number): void {
    const parent = this.#parents[unit];
    const parentClass = parent === NONE ? NONE : this.#lists.classOf(parent);
    const joins = parentClass !== NONE && (this.#shared === undefined || parentClass === UNOWNED);
    if (joins) this.#lists.moveBehind(unit, parent);
    else this.#lists.moveToNewest(unit, UNOWNED);
    this.#lastSteps[unit] = joins ? this.#lastSteps[parent] : this.#step;
  }

  #score(unit: number): number {
    const { fadingPerStep, floor } = this.#constants;
    const ofClass = this.#lists.classOf(unit);
    const survival = ofClass === UNOWNED ? 0 : this.#graph.survival(ofClass - 1);
    const recency = Math.exp(-fadingPerStep * (this.#step - this.#lastSteps[unit]));
    return (survival + floor) * (recency + floor) * this.#sizes[unit];
  }

  #reserve(unit: number): void {
    this.#lists.reserve(unit);
    this.#shared?.reserve(unit);
    this.#parents = grownInt32(this.#parents, unit + 1, NONE);
    this.#lastSteps = grownInt32(this.#lastSteps, unit + 1);
    this.#sizes = grownInt32(this.#sizes, unit + 1);
    this.#residentChildren = grownInt32(this.#residentChildren, unit + 1);
    this.#resident = grownUint8(this.#resident, unit + 1);
    this.#marginalMs = grownFloat64(this.#marginalMs, unit + 1);
  }
}
