/**
 * Density of a delay, learned from few examples at whatever sharpness they have: a histogram over the logarithm of
 * time whose bins are halves of coarser ones (a Pólya tree), octaves at the root, sixteenths of them at the leaves.
 * Each half is believed in as far as its parent has been seen.
 */
import type { TableReader, TableWriter } from './table-codec.ts';

const SHORTEST_MS = 25;
const OCTAVES = 12;
const LEVELS = 4;
const LEAVES_PER_OCTAVE = 2 ** LEVELS;
const LEAVES = OCTAVES * LEAVES_PER_OCTAVE;
/** Examples that the belief in a flat density weighs as much as: over octaves, and at each halving per side. */
const PRIOR_ROOT = 1;
const PRIOR_SPLIT = 0.2;
/** Snapshots keep 64ths of an example. */
const UNIT = 64;
const LEAST_SCALE = 1e-6;
const WIDTH_SECONDS = Float64Array.from({ length: LEAVES }, (_, leaf) => (edgeMs(leaf + 1) - edgeMs(leaf)) / 1000);

export class DelayDensity {
  /** Weights of examples per node: an octave's at 0, the halves of node n at 2n + 1 and 2n + 2. To be multiplied by `scale`. */
  private readonly trees = Array.from({ length: OCTAVES }, () => new Float64Array(2 * LEAVES_PER_OCTAVE - 1));
  private total = 0;
  private scale = 1;
  /** Sums of the masses of the octaves before each one, found when they are asked for. */
  private readonly before = new Float64Array(OCTAVES);
  private beforeIsStale = true;

  add(ms: number, weight: number): void {
    this.addLeaf(leafOf(ms), weight / this.scale);
  }
  /** What has been seen so far counts for less from now on. */
  fade(memory: number): void {
    this.beforeIsStale = true;
    this.scale *= memory;
    if (this.scale > LEAST_SCALE) return;
    for (const tree of this.trees) for (let node = 0; node < tree.length; node++) tree[node] *= this.scale;
    this.total *= this.scale;
    this.scale = 1;
  }

  /** Per second, at this delay. */
  at(ms: number): number {
    const leaf = leafOf(ms);
    const tree = this.trees[leaf >> LEVELS];
    let mass = this.octaveMass(tree);
    for (let level = LEVELS - 1, node = 0; level >= 0; level--) {
      const left = this.leftShare(tree, node);
      const right = (leaf >> level) & 1;
      mass *= right === 1 ? 1 - left : left;
      node = 2 * node + 1 + right;
    }
    return mass / WIDTH_SECONDS[leaf];
  }
  /** P(the delay is shorter), as far as leaves tell. */
  reached(ms: number): number {
    if (ms < SHORTEST_MS) return 0;
    const leaf = leafOf(ms);
    const octave = leaf >> LEVELS;
    if (this.beforeIsStale) this.sumUp();
    let below = this.before[octave];
    const tree = this.trees[octave];
    let mass = this.octaveMass(tree);
    for (let level = LEVELS - 1, node = 0; level >= 0; level--) {
      const left = mass * this.leftShare(tree, node);
      const right = (leaf >> level) & 1;
      if (right === 1) below += left;
      mass = right === 1 ? mass - left : left;
      node = 2 * node + 1 + right;
    }
    return below;
  }

  save(writer: TableWriter): void {
    for (const tree of this.trees) writer.numbers(tree.subarray(LEAVES_PER_OCTAVE - 1).map((weight) => Math.min(65_535, Math.round(UNIT * weight * this.scale))), 'u16');
  }
  load(reader: TableReader): void {
    const leaves = new Float64Array(LEAVES_PER_OCTAVE);
    for (let octave = 0; octave < OCTAVES; octave++) {
      reader.numbers(leaves, 'u16');
      leaves.forEach((weight, leaf) => this.addLeaf(octave * LEAVES_PER_OCTAVE + leaf, weight / UNIT));
    }
  }

  private sumUp(): void {
    let below = 0;
    for (let octave = 0; octave < OCTAVES; octave++) {
      this.before[octave] = below;
      below += this.octaveMass(this.trees[octave]);
    }
    this.beforeIsStale = false;
  }
  private addLeaf(leaf: number, weight: number): void {
    this.beforeIsStale = true;
    const tree = this.trees[leaf >> LEVELS];
    tree[0] += weight;
    this.total += weight;
    for (let level = LEVELS - 1, node = 0; level >= 0; level--) {
      node = 2 * node + 1 + ((leaf >> level) & 1);
      tree[node] += weight;
    }
  }
  private octaveMass(tree: Float64Array): number {
    return (tree[0] * this.scale + PRIOR_ROOT / OCTAVES) / (this.total * this.scale + PRIOR_ROOT);
  }
  /** Share of a node that its left half has. */
  private leftShare(tree: Float64Array, node: number): number {
    return (tree[2 * node + 1] * this.scale + PRIOR_SPLIT) / (tree[node] * this.scale + 2 * PRIOR_SPLIT);
  }
}

function edgeMs(leaf: number): number {
  return SHORTEST_MS * 2 ** (leaf / LEAVES_PER_OCTAVE);
}
function leafOf(ms: number): number {
  return Math.max(0, Math.min(LEAVES - 1, Math.floor(Math.log2(ms / SHORTEST_MS) * LEAVES_PER_OCTAVE)));
}
