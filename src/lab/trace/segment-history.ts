/**
 * The segment lists of one session's calls as a tree: a call's list is the path to its node, so what a later call
 * shares by `base` is not repeated. Each node keeps the cut position after its segment; appending to a base costs
 * only what is new.
 */
import type { CutPosition } from './block-cutter.ts';
import { GrowableInt32 } from './growable-int32.ts';

const ROOT = 0;

export class SegmentHistory {
  readonly #parents = new GrowableInt32();
  readonly #depths = new GrowableInt32();
  readonly #tokens = new GrowableInt32();
  readonly #blocks = new GrowableInt32();
  readonly #fills = new GrowableInt32();
  readonly #hashesA = new GrowableInt32();
  readonly #hashesB = new GrowableInt32();
  readonly #callNodes = new GrowableInt32();

  /** Forgets everything; `start` is the position before any segment. */
  reset(start: CutPosition): void {
    for (const column of [this.#parents, this.#depths, this.#tokens, this.#blocks, this.#fills, this.#hashesA, this.#hashesB, this.#callNodes]) column.clear();
    this.#push(-1, 0, 0, start);
  }

  get calls(): number { return this.#callNodes.length; }

  /** Number of segments of the prompt of an earlier call. */
  segmentCount(step: number): number {
    return this.#depths.at(this.#callNodes.at(step));
  }

  /** The node after the first `segments` segments of that call; the root for none. */
  nodeAt(step: number, segments: number): number {
    let node = this.#callNodes.at(step);
    while (this.#depths.at(node) > segments) node = this.#parents.at(node);
    return node;
  }

  get root(): number { return ROOT; }

  /** Tokens from the beginning to the end of this node's segment. */
  tokensTo(node: number): number { return this.#tokens.at(node); }

  readPosition(node: number, position: CutPosition): void {
    position.block = this.#blocks.at(node);
    position.fill = this.#fills.at(node);
    position.a = this.#hashesA.at(node);
    position.b = this.#hashesB.at(node);
  }

  /** A node for a segment of `tokens` after `parent`, with the position after it. */
  extend(parent: number, tokens: number, after: CutPosition): number {
    return this.#push(parent, this.#depths.at(parent) + 1, this.#tokens.at(parent) + tokens, after);
  }

  /** The next call's prompt ends at `node`. */
  endCall(node: number): void { this.#callNodes.push(node); }

  #push(parent: number, depth: number, tokens: number, after: CutPosition): number {
    this.#parents.push(parent);
    this.#depths.push(depth);
    this.#tokens.push(tokens);
    this.#blocks.push(after.block);
    this.#fills.push(after.fill);
    this.#hashesA.push(after.a);
    this.#hashesB.push(after.b);
    return this.#parents.length - 1;
  }
}
