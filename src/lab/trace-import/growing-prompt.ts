/**
 * Prompts of which only lengths are known: a conversation is taken to grow. Each prompt is the last one of its
 * lineage with that one's answer and what is new; one that is shorter starts anew. The first takes what it shares with
 * the beginnings of its agent's other conversations as given by `sharedTokens`.
 */
import { BoundedMap } from '../../core/index.ts';
import type { HashedRun } from './imported-call.ts';
import type { TextHasher } from './text-hasher.ts';

const LINEAGES = 100_000;

interface Grown { tokens: number; runs: number; part: number; out?: { hash: string; tokens: number } }

export class GrowingPrompts {
  readonly #lineages = new BoundedMap<string, Grown>(LINEAGES);

  constructor(private readonly hasher: TextHasher) {}

  next(lineage: string, anchor: string, promptTokens: number, outputTokens: number, sharedTokens: number): { keep: number; add: HashedRun[]; out: HashedRun[] } {
    const last = this.#lineages.get(lineage);
    const add: HashedRun[] = [];
    let keep = 0;
    let tokens = 0;
    const part = (last?.part ?? 0) + 1;
    if (last !== undefined && promptTokens >= last.tokens) {
      keep = last.runs;
      tokens = last.tokens;
      if (last.out !== undefined && tokens + last.out.tokens <= promptTokens) {
        add.push(last.out);
        tokens += last.out.tokens;
      }
    } else if (sharedTokens > 0) {
      tokens = Math.min(sharedTokens, promptTokens);
      add.push({ hash: this.hasher.hash('anchor', `${anchor} ${tokens}`), tokens });
    }
    if (promptTokens > tokens) add.push({ hash: this.hasher.hash('grown', `${lineage} ${part}`), tokens: promptTokens - tokens });
    const out = outputTokens > 0 ? { hash: this.hasher.hash('answer', `${lineage} ${part}`), tokens: outputTokens } : undefined;
    this.#lineages.set(lineage, { tokens: promptTokens, runs: keep + add.length, part, out });
    return { keep, add, out: out === undefined ? [] : [out] };
  }
}
