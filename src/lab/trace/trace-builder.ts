import { BlockCutter, type CutPosition } from './block-cutter.ts';
import { BlockTrie } from './block-trie.ts';
import { GrowableInt32 } from './growable-int32.ts';
import { SegmentHistory } from './segment-history.ts';
import { traceFault, type LinePlace, type TraceLine } from './trace-line.ts';
import type { Trace, TraceCall, TraceSession } from './trace.ts';

/** Turns checked lines, in file order, into a trace; checks what only the lines together can tell. */
export class TraceBuilder {
  readonly #name: string;
  readonly #blockTokens: number;
  readonly #trie = new BlockTrie();
  readonly #cutter: BlockCutter;
  readonly #calls: TraceCall[] = [];
  readonly #sessions: TraceSession[] = [];
  readonly #sessionIds = new Set<string>();
  /** Of every block, the last session that has it, plus one: counts a session's distinct blocks without a set. */
  readonly #seenBy = new GrowableInt32();
  readonly #history = new SegmentHistory();
  readonly #position: CutPosition = { block: -1, fill: 0, a: 0, b: 0 };
  #current: { id: string; workload: string; firstCall: number; distinctBlocks: number } | undefined;

  constructor(name: string, blockTokens: number) {
    this.#name = name;
    this.#blockTokens = blockTokens;
    this.#cutter = new BlockCutter(this.#trie, blockTokens, (block) => this.#countBlock(block));
  }

  get callCount(): number { return this.#calls.length; }

  /** @throws EntresolError `ENT_TRACE_INVALID` */
  add(line: TraceLine, place: LinePlace): void {
    if (this.#current?.id !== line.session) this.#startSession(line, place);
    if (line.step !== this.#history.calls) {
      throw traceFault(place, 'step', `${this.#history.calls}, the next of session ${JSON.stringify(line.session)}`, line.step);
    }
    let node = this.#baseNode(line, place);
    const tokens = line.segments.reduce((sum, segment) => sum + segment[1], this.#history.tokensTo(node));
    if (tokens !== line.promptTokens) throw traceFault(place, 'prompt_tokens', `${tokens}, the sum of base and segments`, line.promptTokens);

    const position = this.#position;
    this.#history.readPosition(node, position);
    for (const [hash, segmentTokens] of line.segments) {
      this.#cutter.append(position, hash, segmentTokens);
      node = this.#history.extend(node, segmentTokens, position);
    }
    this.#history.endCall(node);
    const promptBlocks = this.#trie.chainLength(position.block);
    for (const [hash, segmentTokens] of line.out) this.#cutter.append(position, hash, segmentTokens);
    this.#calls.push({
      session: this.#sessions.length,
      step: line.step,
      agent: line.agent,
      instance: line.instance,
      stop: line.stop,
      startMs: line.startMs,
      durationMs: line.durationMs,
      promptTokens: line.promptTokens,
      outputTokens: line.outputTokens,
      tools: line.tools,
      outputHash: line.out.at(-1)?.[0],
      lastBlock: position.block,
      promptBlocks,
      blocks: this.#trie.chainLength(position.block),
    });
  }

  finish(): Trace {
    this.#endSession();
    const blockCount = this.#trie.size;
    return { name: this.#name, blockTokens: this.#blockTokens, calls: this.#calls, sessions: this.#sessions, blockCount, ...this.#trie.finish() };
  }

  #baseNode(line: TraceLine, place: LinePlace): number {
    if (line.base === null) return this.#history.root;
    const [step, segments] = line.base;
    if (step >= line.step) throw traceFault(place, 'base[0]', line.step === 0 ? 'null instead of a base, for this is the first call' : `an earlier step of the session, 0 to ${line.step - 1}`, step);
    const available = this.#history.segmentCount(step);
    if (segments > available) throw traceFault(place, 'base[1]', `at most ${available}, the segments of step ${step}`, segments);
    return this.#history.nodeAt(step, segments);
  }

  #startSession(line: TraceLine, place: LinePlace): void {
    if (this.#sessionIds.has(line.session)) throw traceFault(place, 'session', 'sessions one after another', `${line.session}, which ended before`);
    this.#endSession();
    this.#sessionIds.add(line.session);
    this.#current = { id: line.session, workload: line.workload, firstCall: this.#calls.length, distinctBlocks: 0 };
    this.#cutter.start(this.#position);
    this.#history.reset(this.#position);
  }

  #endSession(): void {
    if (this.#current === undefined) return;
    this.#sessions.push({ ...this.#current, callCount: this.#calls.length - this.#current.firstCall });
    this.#current = undefined;
  }

  #countBlock(block: number): void {
    const session = this.#sessions.length + 1;
    if (block === this.#seenBy.length) this.#seenBy.push(session);
    else if (this.#seenBy.at(block) === session) return;
    else this.#seenBy.set(block, session);
    if (this.#current !== undefined) this.#current.distinctBlocks++;
  }
}
