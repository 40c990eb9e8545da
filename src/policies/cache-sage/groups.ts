import { grownFloat64, grownInt32, grownUint8 } from '../../core/growing.ts';

/**
 * Groups: maximal runs of units of one prefix with one history (same users, same kinds, same last uses). A call uses
 * a prefix from its root, so what it uses of a group is the beginning of it: groups are the edges of a compressed
 * prefix tree, children always hang from a group's last unit. Numbers are pooled.
 */
export class GroupTable {
  /** First and last unit of the run. */
  first = new Int32Array(64).fill(-1);
  last = new Int32Array(64).fill(-1);
  units = new Int32Array(64);
  blocks = new Int32Array(64);
  costMs = new Float64Array(64);
  parent = new Int32Array(64).fill(-1);
  firstChild = new Int32Array(64).fill(-1);
  nextSibling = new Int32Array(64).fill(-1);
  previousSibling = new Int32Array(64).fill(-1);
  children = new Int32Array(64);
  /** Number of sessions that have used it, ever; ordinals of the sessions at its birth and at the last new one. */
  sharers = new Int32Array(64);
  bornAt = new Int32Array(64);
  sharedAt = new Int32Array(64);
  /** Ordinal of the last touch. */
  usedAt = new Float64Array(64);
  /** Sum of what it was last found to be worth to each member, in hits per block-second. */
  worth = new Float64Array(64);
  /** The list of members: its ends, and how many there are. */
  firstMember = new Int32Array(64).fill(-1);
  lastMember = new Int32Array(64).fill(-1);
  members = new Uint8Array(64);
  private readonly free: number[] = [];
  private made = 0;

  get live(): number {
    return this.made - this.free.length;
  }
  /** Numbers below this may be in use. */
  get bound(): number {
    return this.made;
  }

  create(): number {
    const group = this.free.pop() ?? this.grow();
    this.first[group] = this.last[group] = this.parent[group] = this.firstChild[group] = -1;
    this.nextSibling[group] = this.previousSibling[group] = this.firstMember[group] = this.lastMember[group] = -1;
    this.units[group] = this.blocks[group] = this.costMs[group] = this.children[group] = this.members[group] = 0;
    this.sharers[group] = this.bornAt[group] = this.sharedAt[group] = this.usedAt[group] = this.worth[group] = 0;
    return group;
  }
  /** The group must have neither members nor children. */
  release(group: number): void {
    this.detach(group);
    this.units[group] = 0;
    this.free.push(group);
  }

  attach(group: number, parent: number): void {
    this.parent[group] = parent;
    if (parent < 0) return;
    const head = this.firstChild[parent];
    this.nextSibling[group] = head;
    this.previousSibling[group] = -1;
    if (head >= 0) this.previousSibling[head] = group;
    this.firstChild[parent] = group;
    this.children[parent]++;
  }
  detach(group: number): void {
    const parent = this.parent[group];
    if (parent < 0) return;
    const next = this.nextSibling[group];
    const previous = this.previousSibling[group];
    if (previous >= 0) this.nextSibling[previous] = next;
    else this.firstChild[parent] = next;
    if (next >= 0) this.previousSibling[next] = previous;
    this.children[parent]--;
    this.parent[group] = this.nextSibling[group] = this.previousSibling[group] = -1;
  }

  get bytes(): number {
    return this.first.byteLength * 13 + this.costMs.byteLength * 3 + this.members.byteLength;
  }

  private grow(): number {
    const group = this.made++;
    if (group < this.first.length) return group;
    const length = group + 1;
    this.first = grownInt32(this.first, length, -1);
    this.last = grownInt32(this.last, length, -1);
    this.units = grownInt32(this.units, length);
    this.blocks = grownInt32(this.blocks, length);
    this.costMs = grownFloat64(this.costMs, length);
    this.parent = grownInt32(this.parent, length, -1);
    this.firstChild = grownInt32(this.firstChild, length, -1);
    this.nextSibling = grownInt32(this.nextSibling, length, -1);
    this.previousSibling = grownInt32(this.previousSibling, length, -1);
    this.children = grownInt32(this.children, length);
    this.sharers = grownInt32(this.sharers, length);
    this.bornAt = grownInt32(this.bornAt, length);
    this.sharedAt = grownInt32(this.sharedAt, length);
    this.usedAt = grownFloat64(this.usedAt, length);
    this.worth = grownFloat64(this.worth, length);
    this.firstMember = grownInt32(this.firstMember, length, -1);
    this.lastMember = grownInt32(this.lastMember, length, -1);
    this.members = grownUint8(this.members, length);
    return group;
  }
}
