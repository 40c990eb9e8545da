/**
 * A retention index from one function, for policies that say what a unit is worth and nothing else. Values are computed
 * anew for each eviction: right for trying an idea in a replay; a policy for production keeps an index of its own.
 */
import type { Coordinate } from './coordinate.ts';
import type { CacheUnit, RetentionIndex } from './retention.ts';
import type { UnitId } from './ids.ts';

export interface RankedUnit extends CacheUnit {
  /** 0 for the first unit of a prefix. */
  readonly depth: number;
  /** Calls that used it. */
  readonly uses: number;
  readonly lastUseMs: number;
  /** Who used it last; absent before its first use. */
  readonly lastBy?: Coordinate;
}

interface Entry extends RankedUnit {
  uses: number;
  lastUseMs: number;
  lastBy?: Coordinate;
  resident: boolean;
  residentChildren: number;
}

/** Bytes of one entry, roughly, for `stateBytes`. */
const ENTRY_BYTES = 160;

/**
 * @param value worth of a unit now, ≥ 0; a prefix is taken to be worth at least what hangs from it
 * @throws TypeError from `value` and `victims` where a worth is no number
 */
export function rankedRetention(value: (unit: RankedUnit, nowMs: number) => number): RetentionIndex {
  const entries = new Map<UnitId, Entry>();
  const residents = new Set<Entry>();
  const parentOf = (entry: Entry): Entry | undefined => (entry.parent === undefined ? undefined : entries.get(entry.parent));

  function checked(entry: Entry, nowMs: number): number {
    const worth = value(entry, nowMs);
    // NaN compares with nothing: the order would be anything, and nobody would be told.
    if (typeof worth !== 'number' || Number.isNaN(worth)) throw new TypeError(`the worth of unit ${entry.id} is ${String(worth)}, expected a number`);
    return worth;
  }

  function worths(nowMs: number): Map<Entry, number> {
    const resident = [...residents].sort((a, b) => b.depth - a.depth);
    const result = new Map<Entry, number>();
    for (const entry of resident) {
      const worth = Math.max(checked(entry, nowMs), result.get(entry) ?? 0);
      result.set(entry, worth);
      const parent = parentOf(entry);
      if (parent?.resident === true) result.set(parent, Math.max(worth, result.get(parent) ?? 0));
    }
    return result;
  }

  return {
    define(unit) {
      const depth = unit.parent === undefined ? 0 : (entries.get(unit.parent)?.depth ?? -1) + 1;
      entries.set(unit.id, { ...unit, depth, uses: 0, lastUseMs: 0, resident: false, residentChildren: 0 });
    },
    touch({ by, units, first, origin }, nowMs) {
      for (let index = 0; index < units.length; index++) {
        const entry = entries.get(units[index] as UnitId);
        if (entry === undefined) continue;
        if (index >= first || origin === 'prompt') entry.uses += 1;
        entry.lastUseMs = nowMs;
        entry.lastBy = by;
      }
    },
    setResident(unit, resident) {
      const entry = entries.get(unit);
      if (entry === undefined || entry.resident === resident) return;
      entry.resident = resident;
      if (resident) residents.add(entry);
      else residents.delete(entry);
      const parent = parentOf(entry);
      if (parent !== undefined) parent.residentChildren += resident ? 1 : -1;
    },
    forget(unit) {
      this.setResident(unit, false);
      entries.delete(unit);
    },
    value(unit, nowMs) {
      const entry = entries.get(unit);
      return entry === undefined ? 0 : checked(entry, nowMs);
    },
    victims(blocks, pinned, nowMs) {
      const worth = worths(nowMs);
      const ranked = [...worth.keys()].sort((a, b) => (worth.get(a) ?? 0) - (worth.get(b) ?? 0) || b.depth - a.depth);
      const goneChildren = new Map<Entry, number>();
      const victims: UnitId[] = [];
      let freed = 0;
      for (const entry of ranked) {
        if (freed >= blocks) break;
        if (pinned(entry.id) || entry.residentChildren > (goneChildren.get(entry) ?? 0)) continue;
        victims.push(entry.id);
        freed += entry.sizeBlocks;
        const parent = parentOf(entry);
        if (parent !== undefined) goneChildren.set(parent, (goneChildren.get(parent) ?? 0) + 1);
      }
      return victims;
    },
    leases(nowMs, max) {
      const ranked = [...worths(nowMs)].sort((a, b) => b[1] - a[1]).slice(0, max);
      return ranked.map(([entry, worth]) => ({ unit: entry.id, steps: [{ untilMs: nowMs + 60_000, value: worth }] }));
    },
    stateBytes: () => ({ learned: 0, working: entries.size * ENTRY_BYTES, ghosts: 0 }),
  };
}
