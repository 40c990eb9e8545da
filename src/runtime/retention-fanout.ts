import { retentionFactor, type CacheUnit, type Coordinate, type Lease, type RetentionIndex, type StateBytes, type Touch, type UnitId } from '../core/index.ts';
import type { Guard } from './guard.ts';
import type { HostedPolicy } from './hosted-policy.ts';
import type { RequestRecord } from './request-record.ts';
import { ResidentTree } from './resident-tree.ts';
import { factoredVictims, soundVictims } from './victims.ts';

/** Handed out without a pause, of a policy that makes all at once. */
const LEASES_PER_PART = 1024;

interface Member {
  readonly policy: HostedPolicy;
  /** The index that has been told of all units so far. */
  told?: RetentionIndex;
}
interface ActiveMember {
  readonly policy: HostedPolicy;
  readonly index: RetentionIndex;
}

export interface TouchScore {
  readonly policy: HostedPolicy;
  readonly value: number;
  readonly us: number;
}

/**
 * What an engine holds as the retention index of a tenant: it passes units and touches on to every retention policy
 * that is on or in shadow, and answers by the first base that is on, times the factors that are on. With none in
 * force it answers by least recent use, so policies may be switched while the engine runs. What a policy answers is
 * checked: never a pinned or absent unit, never a parent before its children, always enough blocks if there are.
 */
export class RetentionFanout implements RetentionIndex {
  readonly tree = new ResidentTree();
  #members: readonly Member[];
  readonly #guard: Guard;
  readonly #recordOf: (by: Coordinate) => RequestRecord | undefined;
  readonly #scored: (record: RequestRecord, scores: readonly TouchScore[] | undefined, nowMs: number) => void;

  constructor(options: {
    readonly policies: readonly HostedPolicy[];
    readonly guard: Guard;
    recordOf(by: Coordinate): RequestRecord | undefined;
    /** Called at the end of each call with what its last unit is worth to each policy; undefined: it filled no unit. */
    scored(record: RequestRecord, scores: readonly TouchScore[] | undefined, nowMs: number): void;
  }) {
    this.#members = options.policies.map((policy) => ({ policy }));
    this.#guard = options.guard;
    this.#recordOf = options.recordOf;
    this.#scored = options.scored;
  }

  /** Those that stay keep what they were told; new ones are told what is there before they are next asked. */
  setPolicies(policies: readonly HostedPolicy[]): void {
    this.#members = policies.map((policy) => this.#members.find((member) => member.policy === policy) ?? { policy });
  }

  /** Members with an index now; one that has just been switched on is first told what is there. */
  #active(): ActiveMember[] {
    const active: ActiveMember[] = [];
    for (const member of this.#members) {
      const index = member.policy.instance()?.score?.retention;
      if (index === undefined) {
        delete member.told;
        continue;
      }
      if (member.told !== index) {
        member.told = index;
        this.#catchUp(member.policy, index);
      }
      active.push({ policy: member.policy, index });
    }
    return active;
  }

  #catchUp(policy: HostedPolicy, index: RetentionIndex): void {
    for (const unit of this.tree.parentsFirst()) {
      this.#guard.bare(policy.ledger, 'retention.define', () => index.define(unit));
      if (this.tree.isResident(unit.id)) this.#guard.bare(policy.ledger, 'retention.setResident', () => index.setResident(unit.id, true));
    }
  }

  #inForce(active: readonly ActiveMember[]): { base?: ActiveMember; factors: readonly ActiveMember[] } {
    const on = active.filter(({ policy }) => policy.ledger.mode === 'on');
    const base = on.find(({ policy }) => policy.ledger.definition.retentionRole === 'base');
    const factors = on.filter(({ policy }) => policy.ledger.definition.retentionRole === 'factor');
    return base === undefined ? { factors } : { base, factors };
  }

  /** The policy whose order holds now; undefined: least recently used. */
  inForce(): string | undefined {
    return this.#inForce(this.#active()).base?.policy.name;
  }

  define(unit: CacheUnit): void {
    const active = this.#active();
    this.tree.define(unit);
    for (const { policy, index } of active) this.#guard.bare(policy.ledger, 'retention.define', () => index.define(unit));
  }

  touch(touch: Touch, nowMs: number): void {
    const record = this.#recordOf(touch.by);
    const active = this.#active();
    this.tree.touch(touch.units, nowMs);
    const scores: TouchScore[] = [];
    for (const { policy, index } of active) {
      const touched = this.#guard.call(policy.ledger, record, 'retention.touch', () => {
        index.touch(touch, nowMs);
        return touch.origin === 'output' && touch.units.length > 0 ? index.value(touch.units[touch.units.length - 1] as UnitId, nowMs) : undefined;
      });
      if (touched.ok && touched.value !== undefined) scores.push({ policy, value: touched.value, us: touched.us });
    }
    if (record !== undefined && touch.origin === 'output') this.#scored(record, touch.units.length === 0 ? undefined : scores, nowMs);
  }

  setResident(unit: UnitId, resident: boolean): void {
    const active = this.#active();
    this.tree.setResident(unit, resident);
    for (const { policy, index } of active) this.#guard.bare(policy.ledger, 'retention.setResident', () => index.setResident(unit, resident));
  }

  forget(unit: UnitId): void {
    const active = this.#active();
    this.tree.forget(unit);
    for (const { policy, index } of active) this.#guard.bare(policy.ledger, 'retention.forget', () => index.forget(unit));
  }

  /** The engine is gone: nothing is resident any more. */
  clear(): void {
    for (const unit of this.tree.oldestFirst()) this.setResident(unit, false);
    for (const { id } of [...this.tree.parentsFirst()].toReversed()) this.forget(id);
  }

  #product(base: ActiveMember, factors: readonly ActiveMember[], unit: UnitId, nowMs: number): number {
    let value = this.#guard.bare(base.policy.ledger, 'retention.value', () => base.index.value(unit, nowMs)) ?? 0;
    for (const { policy, index } of factors) {
      value *= retentionFactor(this.#guard.bare(policy.ledger, 'retention.value', () => index.value(unit, nowMs)) ?? 1);
    }
    return Number.isFinite(value) && value > 0 ? value : 0;
  }

  /** By the base, times the factors. With none in force: the reciprocal of the seconds since its last use, so that values rank as LRU does. */
  value(unit: UnitId, nowMs: number): number {
    const { base, factors } = this.#inForce(this.#active());
    return base === undefined ? 1000 / (1 + Math.max(0, nowMs - this.tree.usedAtMs(unit))) : this.#product(base, factors, unit, nowMs);
  }

  victims(blocks: number, pinned: (unit: UnitId) => boolean, nowMs: number): Iterable<UnitId> {
    const { base, factors } = this.#inForce(this.#active());
    if (base === undefined) return soundVictims(this.tree, [], blocks, pinned);
    const proposed = this.#guard.call(base.policy.ledger, undefined, 'retention.victims', () => factors.length === 0
      ? [...base.index.victims(blocks, pinned, nowMs)]
      : factoredVictims(this.tree, (unit) => this.#product(base, factors, unit, nowMs)));
    return soundVictims(this.tree, proposed.ok ? proposed.value : [], blocks, pinned);
  }

  leases(nowMs: number, max: number): readonly Lease[] {
    const { base, factors } = this.#inForce(this.#active());
    if (base === undefined) return [];
    // No call waits for them, and the engine bounds what it spends on them: no overrun of a request's time.
    const leases = this.#guard.bare(base.policy.ledger, 'retention.leases', () => base.index.leases(nowMs, max)) ?? [];
    return this.#factored(leases.slice(0, max), factors, nowMs);
  }

  #factored(leases: readonly Lease[], factors: readonly ActiveMember[], nowMs: number): readonly Lease[] {
    if (factors.length === 0) return leases;
    return leases.map((lease) => {
      let factor = 1;
      for (const { policy, index } of factors) factor *= retentionFactor(this.#guard.bare(policy.ledger, 'retention.value', () => index.value(lease.unit, nowMs)) ?? 1);
      return { unit: lease.unit, steps: lease.steps.map((step) => ({ untilMs: step.untilMs, value: step.value * factor })) };
    });
  }

  * leaseParts(nowMs: number, max: number): Generator<readonly Lease[]> {
    const { base, factors } = this.#inForce(this.#active());
    if (base === undefined) return;
    const { policy: { ledger }, index } = base;
    const parts = this.#guard.bare(ledger, 'retention.leases', () => index.leaseParts?.(nowMs, max)[Symbol.iterator]());
    if (parts === undefined) {
      const leases = (this.#guard.bare(ledger, 'retention.leases', () => index.leases(nowMs, max)) ?? []).slice(0, max);
      for (let to = leases.length; to > 0; to -= LEASES_PER_PART) yield this.#factored(leases.slice(Math.max(0, to - LEASES_PER_PART), to).toReversed(), factors, nowMs);
      return;
    }
    let left = max;
    for (let part = this.#guard.bare(ledger, 'retention.leases', () => parts.next()); part !== undefined && part.done !== true && left > 0; part = this.#guard.bare(ledger, 'retention.leases', () => parts.next())) {
      yield this.#factored(part.value.slice(0, left), factors, nowMs);
      left -= part.value.length;
    }
  }

  stateBytes(): StateBytes {
    const total = { learned: 0, working: this.tree.bytes(), ghosts: 0 };
    for (const { policy, index } of this.#active()) {
      const bytes = this.#guard.bare(policy.ledger, 'retention.stateBytes', () => index.stateBytes());
      if (bytes === undefined) continue;
      total.learned += bytes.learned;
      total.working += bytes.working;
      total.ghosts += bytes.ghosts;
    }
    return total;
  }
}
