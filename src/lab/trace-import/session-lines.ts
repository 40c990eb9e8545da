/** One session's calls as lines of a trace: in time order, each prompt as what it shares with an earlier one and what is new. */
import { tokensOf } from './call-spill.ts';
import type { HashedRun, ImportedCall } from './imported-call.ts';

export interface SessionLineOptions {
  readonly session: string;
  readonly workload: string;
  readonly tokensPerByte: number;
  hiddenTokens(name: string): number;
  /** Keyed, for the run that stands for what is hidden. */
  hashHidden(name: string): string;
  agentOf(call: ImportedCall): string;
}

interface Node {
  readonly parent: number;
  readonly depth: number;
  readonly hash: string;
  readonly tokens: number;
  /** An earlier line's step whose prompt goes through here. */
  step: number;
}

/** All prompts of a session as one tree of runs. */
class PromptTree {
  readonly nodes: Node[] = [{ parent: -1, depth: 0, hash: '', tokens: 0, step: -1 }];
  readonly #children = new Map<string, number>();

  extend(parent: number, hash: string, tokens: number): number {
    const key = `${parent} ${hash}`;
    let node = this.#children.get(key);
    if (node === undefined) {
      node = this.nodes.length;
      this.nodes.push({ parent, depth: this.nodes[parent].depth + 1, hash, tokens, step: -1 });
      this.#children.set(key, node);
    }
    return node;
  }

  /** Runs from the first that no earlier prompt has, and where the shared part is to be found. */
  take(end: number, step: number): { base: [number, number] | null; segments: [string, number][]; tokens: number } {
    const segments: [string, number][] = [];
    let tokens = 0;
    let node = end;
    for (; node > 0 && this.nodes[node].step === -1; node = this.nodes[node].parent) {
      const { hash, tokens: own } = this.nodes[node];
      segments.push([hash, own]);
      this.nodes[node].step = step;
    }
    const base: [number, number] | null = node === 0 ? null : [this.nodes[node].step, this.nodes[node].depth];
    for (let at = end; at > 0; at = this.nodes[at].parent) tokens += this.nodes[at].tokens;
    return { base, segments: segments.reverse(), tokens };
  }
}

interface Placed { readonly call: ImportedCall; readonly end: number }

/** @returns JSON lines; calls with an empty prompt are left out */
export function* sessionLines(calls: Iterable<ImportedCall>, options: SessionLineOptions): Generator<string> {
  const tree = new PromptTree();
  const placed = place(calls, tree, options).filter(({ end }) => end > 0);
  // Sorting is stable: calls of one time, or of none, stay as they came.
  if (placed.every(({ call }) => call.startMs !== null)) placed.sort((one, other) => (one.call.startMs as number) - (other.call.startMs as number));
  const firstMs = placed[0]?.call.startMs ?? null;
  for (const [step, { call, end }] of placed.entries()) {
    const { base, segments, tokens } = tree.take(end, step);
    const out = call.out.map((run): [string, number] => [run.hash, tokensOf(run, options.tokensPerByte)]);
    const { usage } = call;
    yield JSON.stringify({
      workload: call.workload ?? options.workload,
      session: options.session,
      step,
      agent: options.agentOf(call),
      ...(call.instance === undefined ? {} : { inst: call.instance }),
      ...(call.stop === undefined ? {} : { stop: call.stop }),
      t_ms: call.startMs === null || firstMs === null ? null : Math.round(call.startMs - firstMs),
      dur_ms: call.durationMs,
      prompt_tokens: tokens,
      output_tokens: usage?.out ?? out.reduce((sum, [, own]) => sum + own, 0),
      base,
      segments,
      out,
      tools: call.tools.map(({ name, argumentsHash }) => ({ name, ...(argumentsHash === undefined ? {} : { args_hash: argumentsHash }) })),
      ...(usage === undefined ? {} : { usage: { in: usage.in, out: usage.out, cache_read: usage.cacheRead, cache_write: usage.cacheWrite } }),
    });
  }
}

/** Where each prompt ends in the tree; a prompt may begin with the last one of its lineage, in the order of the source. */
function place(calls: Iterable<ImportedCall>, tree: PromptTree, options: SessionLineOptions): Placed[] {
  const paths = new Map<string, number[]>();
  const placed: Placed[] = [];
  for (const call of calls) {
    let path = paths.get(call.lineage);
    if (path === undefined) paths.set(call.lineage, path = []);
    const hidden = call.hidden === undefined ? 0 : options.hiddenTokens(call.hidden);
    const offset = hidden > 0 ? 1 : 0;
    path.length = call.keep === 0 ? 0 : Math.min(path.length, call.keep + offset);
    if (path.length === 0 && hidden > 0) path.push(tree.extend(0, options.hashHidden(call.hidden as string), hidden));
    for (const run of call.add) path.push(tree.extend(path.at(-1) ?? 0, run.hash, tokensOf(run, options.tokensPerByte)));
    placed.push({ call: { ...call, add: EMPTY }, end: path.at(-1) ?? 0 });
  }
  return placed;
}

const EMPTY: readonly HashedRun[] = [];
