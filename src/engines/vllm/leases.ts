/**
 * Brings what the policies hold each block to be worth to the engine, where it holds as a lease that decays by itself:
 * only what has changed, at a bounded rate.
 */
import type { Lease, RetentionIndex, TenantId, UnitId } from '../../core/index.ts';
import type { Mirror } from './mirror/mirror.ts';
import { packKeys, type Fields, type Run } from './side-channel/messages.ts';

export interface LeaseOptions {
  readonly mirror: Mirror;
  nowMs(): number;
  index(tenant: TenantId): RetentionIndex | undefined;
  /** @returns whether the rank's package took it */
  send(rank: number, message: Fields): boolean;
  /** Leases of a rank that its package keeps at most. */
  maximum(rank: number): number;
}

/** What a rank was told of a block: value and until when, step by step. */
type Told = readonly { readonly untilMs: number; readonly value: number }[];

/** The package orders by classes this wide: less is no change. */
const CLASS_RATIO = 1.15;
/** Renewed when less is left. */
const SHORTEST_LEFT_MS = 30_000;
/** Of one message and one flush: the scheduler applies 2,048 keys a step, and a message is at most 1 MiB. */
const KEYS_PER_MESSAGE = 8192;
const KEYS_PER_FLUSH = 65_536;
const MOST_STEPS = 16;

const valueAt = (told: Told, atMs: number): number => told.find(({ untilMs }) => atMs < untilMs)?.value ?? 0;
const LEAST_VALUE = 6.1e-5;
const NOTHING: Told = [];

function differs(a: number, b: number): boolean {
  if (a < LEAST_VALUE || b < LEAST_VALUE) return a >= LEAST_VALUE || b >= LEAST_VALUE;
  return a > b * CLASS_RATIO || b > a * CLASS_RATIO;
}

export interface LeaseCounts { flushes: number; keys: number; messages: number; refused: number }

export class LeasePublisher {
  readonly counts: LeaseCounts = { flushes: 0, keys: 0, messages: 0, refused: 0 };
  readonly #options: LeaseOptions;
  readonly #told = new Map<UnitId, Told>();

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** The engine knows nothing any more of what it was told. */
  forget(rank: number): void {
    for (const unit of this.#told.keys()) if ((this.#options.mirror.block(unit)?.rank ?? rank) === rank) this.#told.delete(unit);
  }

  /** Sends what is new for these tenants' blocks. @returns blocks whose leases were sent */
  flush(tenants: Iterable<TenantId>): number {
    const { mirror, nowMs, index } = this.#options;
    const atMs = nowMs();
    let room = 0;
    for (const { rank, resident } of mirror.ranks()) room += Math.min(resident, this.#options.maximum(rank));
    const fresh = new Map<number, { unit: UnitId; told: Told }[]>();
    const leased = new Set<UnitId>();
    let keys = 0;
    for (const tenant of tenants) {
      for (const lease of index(tenant)?.leases(atMs, room) ?? []) {
        leased.add(lease.unit);
        if (keys < KEYS_PER_FLUSH && this.#note(lease, atMs, fresh)) keys += 1;
      }
    }
    for (const [unit, told] of this.#told) {
      if (leased.has(unit)) continue;
      const block = mirror.block(unit);
      // What has been evicted takes its lease with it; what is there and worth nothing any more must not keep its rank.
      if (block === undefined || block.copies === 0 || valueAt(told, atMs) < LEAST_VALUE) this.#told.delete(unit);
      else if (keys++ < KEYS_PER_FLUSH) entriesOf(fresh, block.rank).push({ unit, told: NOTHING });
    }
    this.counts.flushes += 1;
    for (const [rank, entries] of fresh) this.#send(rank, entries, atMs);
    return keys;
  }

  #note(lease: Lease, atMs: number, fresh: Map<number, { unit: UnitId; told: Told }[]>): boolean {
    const block = this.#options.mirror.block(lease.unit);
    if (block === undefined || block.copies === 0) return false;
    const known = this.#told.get(lease.unit);
    const lasts = known !== undefined && (known.at(-1)?.untilMs ?? 0) - atMs > SHORTEST_LEFT_MS;
    if (lasts && !differs(valueAt(known, atMs), valueAt(lease.steps, atMs))) return false;
    if (known === undefined && valueAt(lease.steps, atMs) < LEAST_VALUE) return false;
    entriesOf(fresh, block.rank).push({ unit: lease.unit, told: lease.steps });
    return true;
  }

  /**
   * Blocks with equal steps that follow one another in a chain are one run. The least valuable run first, and what hangs
   * from a prefix before the prefix: among those of one class the package gives up first what it was told of first.
   */
  #send(rank: number, entries: readonly { unit: UnitId; told: Told }[], atMs: number): void {
    for (let to = entries.length; to > 0; to -= KEYS_PER_MESSAGE) {
      const part = entries.slice(Math.max(0, to - KEYS_PER_MESSAGE), to);
      const runs = new Map<Told, bigint[]>();
      for (const { unit, told } of part) {
        const key = this.#options.mirror.block(unit)?.key;
        if (key === undefined) continue;
        const run = runs.get(told);
        if (run === undefined) runs.set(told, [key]);
        else run.push(key);
      }
      const message = { type: 'lease', runs: [...runs].toReversed().map(([told, keys]): Run => [packKeys(keys), stepsOf(told, atMs)]) };
      this.counts.messages += 1;
      if (!this.#options.send(rank, message)) {
        this.counts.refused += 1;
        return;
      }
      this.counts.keys += part.length;
      for (const { unit, told } of part) {
        if (told.length === 0) this.#told.delete(unit);
        else this.#told.set(unit, told);
      }
    }
  }
}

function entriesOf<Entry>(lists: Map<number, Entry[]>, rank: number): Entry[] {
  let list = lists.get(rank);
  if (list === undefined) lists.set(rank, list = []);
  return list;
}

/** Points in time become durations: each side has a clock of its own. */
function stepsOf(told: Told, atMs: number): number[] {
  if (told.length === 0) return [1, 0];
  const steps: number[] = [];
  let fromMs = atMs;
  for (const { untilMs, value } of told) {
    const ms = Math.round(untilMs - fromMs);
    if (ms <= 0 || steps.length >= 2 * MOST_STEPS) continue;
    steps.push(ms, Number.isFinite(value) ? value : 0);
    fromMs = untilMs;
  }
  return steps;
}
