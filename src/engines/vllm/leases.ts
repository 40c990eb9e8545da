/**
 * Brings what the policies hold each block to be worth to the engine, where it holds as a lease that decays by itself:
 * only what has changed, at a bounded rate.
 */
import type { Lease, RetentionIndex, TenantId, UnitId } from '../../core/index.ts';
import type { Block } from './mirror/block.ts';
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

/** Value and until when, step by step. */
type Steps = readonly { readonly untilMs: number; readonly value: number }[];

/** What a rank was told of a block. Ids of blocks that are gone are given anew: this one must be meant. */
interface Told { readonly block: Block; readonly steps: Steps; /** Which flush last found it worth a lease. */ foundBy: number }
interface News { readonly block: Block; readonly steps: Steps }

/** The package orders by classes this wide: less is no change. */
const CLASS_RATIO = 1.15;
/** Renewed when less is left. */
const SHORTEST_LEFT_MS = 30_000;
/** Of one message and one flush: the scheduler applies 2,048 keys a step, and a message is at most 1 MiB. */
const KEYS_PER_MESSAGE = 4096;
const KEYS_PER_FLUSH = 65_536;
const MOST_STEPS = 16;
/** Of what was told, looked at without a pause. */
const KEYS_PER_PART = 1024;

const valueAt = (steps: Steps, atMs: number): number => steps.find(({ untilMs }) => atMs < untilMs)?.value ?? 0;
const LEAST_VALUE = 6.1e-5;
const NOTHING: Steps = [];

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
    for (const [unit, { block }] of this.#told) if (block.rank === rank) this.#told.delete(unit);
  }

  /**
   * Sends what is new for these tenants' blocks, in parts of a millisecond or so: between two of them others get their
   * turn, calls come and go, and what changes by that is seen to by the next flush.
   * @returns in the end, blocks whose leases were to be sent
   */
  * flush(tenants: Iterable<TenantId>): Generator<undefined, number> {
    const { mirror, nowMs, index, maximum } = this.#options;
    const atMs = nowMs();
    this.counts.flushes += 1;
    const flush = this.counts.flushes;
    let room = 0;
    for (const { rank, resident } of mirror.ranks()) room += Math.min(resident, maximum(rank));
    const fresh = new Map<number, News[]>();
    let keys = 0;
    const tell = (news: News): void => {
      keys += 1;
      const entries = entriesOf(fresh, news.block.rank);
      entries.push(news);
      if (entries.length < KEYS_PER_MESSAGE) return;
      fresh.delete(news.block.rank);
      this.#send(news.block.rank, entries, atMs);
    };
    let looked = 0;
    for (const tenant of tenants) {
      for (const part of index(tenant)?.leaseParts?.(atMs, room) ?? []) {
        for (const lease of part) {
          const news = this.#newsIn(lease, atMs, flush);
          if (news !== undefined && keys < KEYS_PER_FLUSH) tell(news);
        }
        yield;
      }
    }
    for (const [unit, told] of this.#told) {
      if (++looked % KEYS_PER_PART === 0) yield;
      if (told.foundBy === flush) continue;
      const { block } = told;
      // What has been evicted takes its lease with it; what is there and worth nothing any more must not keep its rank.
      if (mirror.block(unit) !== block || block.copies === 0 || valueAt(told.steps, atMs) < LEAST_VALUE) this.#told.delete(unit);
      // Nor must what changed hands between two parts, or had no room among the leases, be taken for worthless.
      else if (keys < KEYS_PER_FLUSH && !(block.owner !== undefined && (index(block.owner)?.value(unit, atMs) ?? 0) >= LEAST_VALUE)) tell({ block, steps: NOTHING });
    }
    for (const [rank, entries] of fresh) this.#send(rank, entries, atMs);
    return keys;
  }

  #newsIn({ unit, steps }: Lease, atMs: number, flush: number): News | undefined {
    const block = this.#options.mirror.block(unit);
    if (block === undefined || block.copies === 0) return undefined;
    const told = this.#told.get(unit);
    const known = told?.block === block ? told : undefined;
    const isWorth = valueAt(steps, atMs) >= LEAST_VALUE;
    if (known === undefined) return isWorth ? { block, steps } : undefined;
    known.foundBy = flush;
    const lasts = (known.steps.at(-1)?.untilMs ?? 0) - atMs > SHORTEST_LEFT_MS;
    return lasts && !differs(valueAt(known.steps, atMs), valueAt(steps, atMs)) ? undefined : { block, steps };
  }

  /**
   * Blocks with equal steps that follow one another in a chain are one run. The least valuable run first, and what hangs
   * from a prefix before the prefix: among those of one class the package gives up first what it was told of first.
   */
  #send(rank: number, entries: readonly News[], atMs: number): void {
    const ended = entries.filter(({ steps }) => steps.length === 0);
    const runs = new Map<Steps, bigint[]>(ended.length === 0 ? [] : [[NOTHING, []]]);
    for (const { block, steps } of entries) {
      const run = runs.get(steps);
      if (run === undefined) runs.set(steps, [block.key]);
      else run.push(block.key);
    }
    // The package goes through each run from its end.
    const message = { type: 'lease', runs: [...runs].map(([steps, keys]): Run => [packKeys(keys.toReversed()), stepsOf(steps, atMs)]) };
    this.counts.messages += 1;
    if (!this.#options.send(rank, message)) {
      this.counts.refused += 1;
      return;
    }
    this.counts.keys += entries.length;
    const { flushes } = this.counts;
    for (const { block, steps } of entries) {
      if (steps.length === 0) this.#told.delete(block.unit);
      else this.#told.set(block.unit, { block, steps, foundBy: flushes });
    }
  }
}

function entriesOf<Entry>(lists: Map<number, Entry[]>, rank: number): Entry[] {
  let list = lists.get(rank);
  if (list === undefined) lists.set(rank, list = []);
  return list;
}

/** Points in time become durations: each side has a clock of its own. */
function stepsOf(told: Steps, atMs: number): number[] {
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
