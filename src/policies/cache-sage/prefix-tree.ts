/**
 * The tree of groups as calls shape it: a touch takes the beginning of each group that its chain runs through, which
 * then gets a history of its own; neighbours whose histories have become equal are joined again, so that a session
 * has a handful of groups however long it is.
 */
import type { CacheUnit, UnitId } from '../../core/index.ts';
import type { Frontier } from './frontier.ts';
import { GroupTable } from './groups.ts';
import { MemberTable } from './members.ts';
import { UnitTable } from './units.ts';

/** Groups with more members than this are not compared for joining. */
const COMPARED_MEMBERS = 4;

export class PrefixTree {
  readonly units = new UnitTable();
  readonly groups = new GroupTable();
  readonly members = new MemberTable(this.groups);
  /** Views that are told of every change of shape; the first one is that of the real cache. */
  private readonly frontiers: Frontier[] = [];

  /** @param frontier told of every change of shape from now on */
  watch(frontier: Frontier): void {
    this.frontiers.push(frontier);
  }

  define(unit: CacheUnit): void {
    if (this.units.isKnown(unit.id)) this.forget(unit.id);
    this.units.define(unit);
  }

  /** Makes `unit` the last of its group. Nothing happens if it is, or has none. */
  endGroupAt(unit: number): void {
    const { units, groups } = this;
    const lower = units.group[unit];
    if (lower < 0 || groups.last[lower] === unit) return;
    const upper = this.createGroup();
    groups.first[upper] = groups.first[lower];
    groups.last[upper] = unit;
    groups.sharers[upper] = groups.sharers[lower];
    groups.bornAt[upper] = groups.bornAt[lower];
    groups.sharedAt[upper] = groups.sharedAt[lower];
    groups.usedAt[upper] = groups.usedAt[lower];
    let heldByReal = 0;
    let below = groups.last[lower];
    for (let walk = unit; walk >= 0 && units.group[walk] === lower; walk = units.parent[walk]) {
      units.group[walk] = upper;
      this.addUnit(upper, walk, 1);
      this.addUnit(lower, walk, -1);
      heldByReal += units.resident[walk];
    }
    while (units.parent[below] !== unit) below = units.parent[below];
    groups.first[lower] = below;
    const parent = groups.parent[lower];
    groups.detach(lower);
    groups.attach(upper, parent);
    groups.attach(lower, upper);
    this.members.copy(lower, upper);
    this.frontiers.forEach((frontier, index) => {
      const held = index === 0 ? heldByReal : Math.min(frontier.kept[lower], groups.units[upper]);
      frontier.divide(lower, upper, held);
    });
  }

  /** Where the chain leaves the group that begins at `start`. */
  endOfRun(chain: Int32Array, start: number, group: number): number {
    const { units, groups } = this;
    // A chain is a way from the root: where it goes through the whole group, it goes by all its units to the last one.
    const whole = start + groups.units[group];
    if (whole <= chain.length && chain[whole - 1] === groups.last[group]) return whole;
    let end = start + 1;
    while (end < chain.length && units.group[chain[end]] === group) end++;
    return end;
  }

  /**
   * The group of the run of `chain` that begins at `start`: an existing one, or a new one for all that follows which
   * has none. The run must begin where a group begins.
   */
  claim(chain: Int32Array, start: number): number {
    const { units, groups } = this;
    const known = units.group[chain[start]];
    if (known >= 0) {
      this.endGroupAt(chain[this.endOfRun(chain, start, known) - 1]);
      return units.group[chain[start]];
    }
    const group = this.createGroup();
    groups.first[group] = chain[start];
    for (let at = start; at < chain.length && units.group[chain[at]] < 0; at++) {
      if (!units.isKnown(chain[at])) throw new TypeError(`unit ${chain[at]} was touched before it was defined`);
      units.group[chain[at]] = group;
      groups.last[group] = chain[at];
      this.addUnit(group, chain[at], 1);
    }
    if (start > 0) {
      this.endGroupAt(chain[start - 1]);
      groups.attach(group, units.group[chain[start - 1]]);
    }
    let resident = 0;
    for (let unit = groups.last[group]; unit >= 0 && units.group[unit] === group; unit = units.parent[unit]) resident += units.resident[unit];
    if (resident > 0) this.frontiers[0].setKept(group, resident);
    return group;
  }

  /**
   * Gives a unit that no call has used yet a group, so that it can be valued and evicted: the group of its equally
   * unused parent, or one of its own. Such groups have no sharers.
   */
  adopt(unit: UnitId): void {
    const { units, groups } = this;
    if (units.group[unit] >= 0) return;
    const parentUnit = units.parent[unit];
    const parent = parentUnit >= 0 && units.isKnown(parentUnit) ? units.group[parentUnit] : -1;
    const longer = parent >= 0 && groups.sharers[parent] === 0 && groups.last[parent] === parentUnit && groups.children[parent] === 0;
    const group = longer ? parent : this.createGroup();
    if (!longer) {
      groups.first[group] = unit;
      if (parent >= 0) {
        this.endGroupAt(parentUnit);
        groups.attach(group, units.group[parentUnit]);
        groups.usedAt[group] = groups.usedAt[units.group[parentUnit]];
      }
    }
    units.group[unit] = group;
    groups.last[group] = unit;
    this.addUnit(group, unit, 1);
  }

  /** Joins `lower` to its parent if they have come to share one history and nothing else hangs between them. */
  joinToParent(lower: number): void {
    const { units, groups, members } = this;
    const upper = groups.parent[lower];
    if (upper < 0 || groups.children[upper] !== 1 || groups.usedAt[upper] !== groups.usedAt[lower]) return;
    const equallyShared = groups.sharers[upper] === groups.sharers[lower]
      && (groups.sharers[upper] === 1 || (groups.bornAt[upper] === groups.bornAt[lower] && groups.sharedAt[upper] === groups.sharedAt[lower]));
    if (!equallyShared || !members.equal(upper, lower, COMPARED_MEMBERS)) return;
    for (let unit = groups.last[lower]; unit >= 0 && units.group[unit] === lower; unit = units.parent[unit]) units.group[unit] = upper;
    groups.last[upper] = groups.last[lower];
    groups.units[upper] += groups.units[lower];
    groups.blocks[upper] += groups.blocks[lower];
    groups.costMs[upper] += groups.costMs[lower];
    for (const frontier of this.frontiers) frontier.unite(upper, lower);
    while (groups.firstChild[lower] >= 0) {
      const child = groups.firstChild[lower];
      groups.detach(child);
      groups.attach(child, upper);
    }
    this.release(lower);
  }

  /** Removes a unit wherever it is; what hung from it becomes a root of its own. */
  forget(unit: UnitId): void {
    const { units, groups } = this;
    const group = units.group[unit];
    if (group < 0) {
      units.forget(unit);
      return;
    }
    this.endGroupAt(unit);
    const owner = units.group[unit];
    while (groups.firstChild[owner] >= 0) {
      const child = groups.firstChild[owner];
      for (const frontier of this.frontiers) frontier.cut(child);
      groups.detach(child);
      units.parent[groups.first[child]] = -1;
    }
    const wasResident = units.resident[unit];
    this.addUnit(owner, unit, -1);
    this.frontiers.forEach((frontier, index) => {
      const lost = index === 0 ? wasResident : Math.max(0, frontier.kept[owner] - groups.units[owner]);
      if (lost > 0) frontier.setKept(owner, frontier.kept[owner] - lost);
    });
    groups.last[owner] = units.parent[unit];
    units.forget(unit);
    if (groups.units[owner] === 0) {
      for (const frontier of this.frontiers) frontier.heap.remove(owner);
      this.release(owner);
    }
  }

  private createGroup(): number {
    const group = this.groups.create();
    for (const frontier of this.frontiers) frontier.create(group);
    return group;
  }
  private release(group: number): void {
    this.members.removeAll(group);
    this.groups.release(group);
  }
  private addUnit(group: number, unit: number, sign: 1 | -1): void {
    this.groups.units[group] += sign;
    this.groups.blocks[group] += sign * this.units.blocks[unit];
    this.groups.costMs[group] += sign * this.units.costMs[unit];
  }
}
