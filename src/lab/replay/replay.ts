/**
 * Replays a trace against one contender at one capacity: rules 3 to 6 of docs/traces.md. The same policy code that
 * runs live sees the same events in the same order: the call arrives, its prompt's blocks are touched, it ends, its
 * answer's blocks are touched, then blocks are evicted.
 */
import { EntresolError } from '../../core/index.ts';
import type { Event, LearnerSource, PolicyInstance, RetentionIndex, StateBytes, UnitId } from '../../core/index.ts';
import { PagedCache } from '../../engines/simulated/paged-cache.ts';
import { longestChain, writeChain, type Trace, type TraceCall } from '../trace/index.ts';
import type { NextUses } from './bounds/next-uses.ts';
import { arriveEvent, coordinateOf, endEvent } from './call-events.ts';
import type { Contender } from './contender.ts';
import { freshLearners, type LearnerSourceFactory } from './learners.ts';
import { DEFAULT_PREFILL_COST, prefillMs, type PrefillCostModel } from './prefill-cost.ts';
import { assumedDurationSeconds, type ScheduledCall } from './schedule.ts';
import { percentiles, type Percentiles } from './statistics.ts';

/** `exact`: a call ends when it arrives. `live`: its end reaches the policy when the call would have ended. */
export type ReplayTiming = 'exact' | 'live';

export interface ReplayInput {
  readonly trace: Trace;
  readonly schedule: readonly ScheduledCall[];
  readonly contender: Contender;
  /** Not used by an unbounded contender. */
  readonly capacityBlocks: number;
  readonly timing: ReplayTiming;
  nextUses(): NextUses;
  readonly learners?: LearnerSourceFactory;
  readonly cost?: PrefillCostModel;
  onProgress?(callsDone: number): void;
  /** After each call, outside of all that is timed. */
  afterCall?(): void;
}

export interface ReplayOutcome {
  /** Sum of hits over sum of prompt tokens. */
  readonly hitRate: number;
  /** Prefill that hits saved, by the cost model. */
  readonly prefillMsSaved: number;
  readonly callsPerSecond: number;
  readonly stateBytes: StateBytes;
  /** Time to choose one call's victims. */
  readonly decideMs: Percentiles;
  /** Time for one call's events, definitions and touches, learning included. */
  readonly observeMs: Percentiles;
  /** The same by call, in the order of the schedule. */
  readonly observeMsOfCalls: readonly number[];
  /** Time of each decision: of the calls that needed victims, in the order of the schedule. */
  readonly decideMsOfCalls: readonly number[];
  /** How many blocks each decision had to give up. */
  readonly decidedBlocksOfCalls: readonly number[];
  /** Blocks resident at the end. */
  readonly residentBlocks: number;
}

const PROGRESS_EVERY_CALLS = 256;

/** @throws EntresolError `ENT_POLICY_INVALID` if the policy throws or names victims that it may not */
export function replay(input: ReplayInput): ReplayOutcome {
  const run = new Replay(input);
  try {
    return run.run();
  } catch (error) {
    if (error instanceof EntresolError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new EntresolError('ENT_POLICY_INVALID', `${input.contender.name} threw ${run.where}: ${message}.`, { at: input.contender.name, cause: error });
  }
}

interface PendingEnd {
  readonly atMs: number;
  readonly call: TraceCall;
  readonly cachedTokens: number;
  readonly fits: boolean;
}

class Replay {
  readonly #input: ReplayInput;
  readonly #cost: PrefillCostModel;
  readonly #live: boolean;
  readonly #cache: PagedCache;
  readonly #instance: PolicyInstance;
  readonly #index: RetentionIndex;
  readonly #learners: LearnerSource;
  readonly #defined: Uint8Array;
  readonly #chain: Int32Array;
  /** Ends still to come, earliest first. */
  readonly #ends: PendingEnd[] = [];
  readonly #observeMs: number[] = [];
  readonly #decideMs: number[] = [];
  readonly #decidedBlocks: number[] = [];
  #position = 0;
  #nowMs = 0;

  constructor(input: ReplayInput) {
    const { trace, contender } = input;
    this.#input = input;
    this.#cost = input.cost ?? DEFAULT_PREFILL_COST;
    this.#live = input.timing === 'live' && !contender.exactOnly;
    const capacityBlocks = contender.unbounded ? Math.max(trace.blockCount, longestChain(trace)) : input.capacityBlocks;
    this.#cache = new PagedCache(capacityBlocks, trace.blockCount);
    this.#learners = (input.learners ?? freshLearners)();
    this.#instance = contender.open({
      trace,
      schedule: input.schedule,
      capacityBlocks,
      clock: { nowMs: () => this.#nowMs },
      learners: this.#learners,
      nextUses: input.nextUses,
      position: () => this.#position,
    });
    this.#index = this.#instance.score?.retention as RetentionIndex;
    this.#defined = new Uint8Array(trace.blockCount);
    this.#chain = new Int32Array(longestChain(trace));
  }

  /** The call in hand, for messages. */
  get where(): string {
    const { trace, schedule } = this.#input;
    const call = trace.calls[schedule[this.#position].call];
    return `at step ${call.step} of session ${trace.sessions[call.session].id}`;
  }

  run(): ReplayOutcome {
    const { trace, schedule } = this.#input;
    let hitTokens = 0;
    let promptTokens = 0;
    let savedMs = 0;
    const startedMs = performance.now();
    for (this.#position = 0; this.#position < schedule.length; this.#position++) {
      const { call: callIndex, atSeconds } = schedule[this.#position];
      const call = trace.calls[callIndex];
      this.#deliverEnds(atSeconds * 1000);
      this.#nowMs = atSeconds * 1000;
      writeChain(trace, call, this.#chain);
      const cachedTokens = this.#hitTokens(call);
      hitTokens += cachedTokens;
      promptTokens += call.promptTokens;
      savedMs += prefillMs(this.#cost, 0, cachedTokens);
      this.#serve(call, cachedTokens);
      this.#input.afterCall?.();
      if (this.#position % PROGRESS_EVERY_CALLS === 0) this.#input.onProgress?.(this.#position);
    }
    const seconds = (performance.now() - startedMs) / 1000;
    return {
      hitRate: promptTokens === 0 ? 0 : hitTokens / promptTokens,
      prefillMsSaved: savedMs,
      callsPerSecond: schedule.length / seconds,
      stateBytes: this.#index.stateBytes(),
      decideMs: percentiles(this.#decideMs),
      observeMs: percentiles(this.#observeMs),
      observeMsOfCalls: this.#observeMs,
      decideMsOfCalls: this.#decideMs,
      decidedBlocksOfCalls: this.#decidedBlocks,
      residentBlocks: this.#cache.usedBlocks,
    };
  }

  /** Rule 5: leading prompt blocks that are resident; the last prompt token is always computed. */
  #hitTokens(call: TraceCall): number {
    const { blockTokens } = this.#input.trace;
    const limit = Math.min(call.promptBlocks, Math.floor((call.promptTokens - 1) / blockTokens));
    return this.#cache.leadingResident(this.#chain, limit) * blockTokens;
  }

  /** Rules 3 and 6. A call with more blocks than the whole capacity is seen, but passes the cache by. */
  #serve(call: TraceCall, cachedTokens: number): void {
    const { trace } = this.#input;
    const by = coordinateOf(trace, call);
    const chain = this.#chain.subarray(0, call.blocks);
    const fits = call.blocks <= this.#cache.capacityBlocks;
    const startedMs = performance.now();
    this.#observe(arriveEvent(by, call, this.#nowMs));
    if (fits) {
      this.#define(chain, 0, call.promptBlocks);
      this.#index.touch({ by, units: chain.subarray(0, call.promptBlocks), first: 0, origin: 'prompt' }, this.#nowMs);
    }
    if (this.#live) {
      if (fits) this.#define(chain, call.promptBlocks, call.blocks);
      this.#queueEnd(call, cachedTokens, fits);
    } else {
      this.#observe(endEvent(by, call, cachedTokens, this.#nowMs));
      if (fits) {
        this.#define(chain, call.promptBlocks, call.blocks);
        this.#index.touch({ by, units: chain, first: call.promptBlocks, origin: 'output' }, this.#nowMs);
      }
    }
    this.#observeMs.push(performance.now() - startedMs);
    if (!fits) return;
    const overflow = this.#cache.pin(chain);
    if (overflow > 0) {
      const decisionMs = performance.now();
      this.#cache.evict(this.#index, overflow, this.#nowMs);
      this.#decideMs.push(performance.now() - decisionMs);
      this.#decidedBlocks.push(overflow);
    }
    this.#cache.insert(chain, this.#index);
  }

  #observe(event: Event): void {
    if ('by' in event && !this.#input.contender.exactOnly) this.#learners.of(event.by.tenant, event.by.workload).observe(event);
    this.#instance.observe?.(event);
  }

  /** Tells the index of the chain's units that it has not met, parents first. */
  #define(chain: Int32Array, from: number, to: number): void {
    const { blockTokens } = this.#input.trace;
    for (let depth = from; depth < to; depth++) {
      const unit = chain[depth];
      if (this.#defined[unit] === 1) continue;
      this.#defined[unit] = 1;
      const id = unit as UnitId;
      const marginalPrefillMs = prefillMs(this.#cost, depth * blockTokens, (depth + 1) * blockTokens);
      this.#index.define(depth === 0
        ? { id, sizeBlocks: 1, marginalPrefillMs }
        : { id, parent: chain[depth - 1] as UnitId, sizeBlocks: 1, marginalPrefillMs });
    }
  }

  #queueEnd(call: TraceCall, cachedTokens: number, fits: boolean): void {
    const durationMs = call.durationMs ?? assumedDurationSeconds(call) * 1000;
    const end = { atMs: this.#nowMs + durationMs, call, cachedTokens, fits };
    let place = this.#ends.length;
    while (place > 0 && this.#ends[place - 1].atMs > end.atMs) place--;
    this.#ends.splice(place, 0, end);
  }

  /** Live timing: what has ended by then reaches learner and policy at its own time. */
  #deliverEnds(untilMs: number): void {
    while (this.#ends.length > 0 && this.#ends[0].atMs <= untilMs) {
      const { atMs, call, cachedTokens, fits } = this.#ends.shift() as PendingEnd;
      this.#nowMs = atMs;
      const by = coordinateOf(this.#input.trace, call);
      this.#observe(endEvent(by, call, cachedTokens, atMs));
      if (!fits) continue;
      writeChain(this.#input.trace, call, this.#chain);
      this.#index.touch({ by, units: this.#chain.subarray(0, call.blocks), first: call.promptBlocks, origin: 'output' }, atMs);
    }
  }
}
