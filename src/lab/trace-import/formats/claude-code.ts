/**
 * Claude Code's transcripts: a file per session, a line per message; the lines of one answer share a message id. Its
 * system prompt and tools are not in them: they count as one hidden run per kind of agent. Thinking is part of the
 * answer and not of later prompts.
 */
import { BoundedMap } from '../../../core/index.ts';
import { count, durationMs, importFault, requiredText, timeMs, type Fields } from '../fields.ts';
import type { EmitCall, FormatReader, HashedRun } from '../imported-call.ts';
import { calledTools, isFields, messageRuns } from '../messages.ts';
import { knownStop } from '../stop-reasons.ts';
import type { TextHasher } from '../text-hasher.ts';

const LINEAGES = 2000;
const ANSWERS = 200_000;
const SPAWNS = 10_000;

interface Answer {
  readonly id: string;
  readonly keep: number;
  readonly add: readonly HashedRun[];
  readonly startMs: number | null;
  endMs: number | null;
  readonly out: HashedRun[];
  readonly blocks: Fields[];
  stop: unknown;
  usage: Fields;
}

/** One context: the main conversation of a session or a sub-agent's. */
class Lineage {
  agent: string;
  /** Runs of the conversation so far, and how many of them the last call's prompt had. */
  runs = 0;
  /** Since then. */
  fresh: HashedRun[] = [];
  /** What came while the answer was being written: tools run as soon as they are asked for, and the answer goes on after their results. */
  results: HashedRun[] = [];
  lastMs: number | null = null;
  answer: Answer | undefined;
  restarted = true;
  constructor(readonly key: string, readonly session: string, readonly instance: string | undefined, agent: string) { this.agent = agent; }

  restart(): void {
    this.runs = 0;
    this.fresh = [];
    this.results = [];
    this.restarted = true;
  }
}

export function claudeCodeReader(hasher: TextHasher, emit: EmitCall): FormatReader {
  const lineages = new BoundedMap<string, Lineage>(LINEAGES);
  /** Kinds of the sub-agents that were started, by the hash of what they were told. */
  const spawns = new BoundedMap<string, string>(SPAWNS);

  /** The session that each answer was first seen in: a resumed session repeats what it goes on from. */
  const answers = new BoundedMap<string, string>(ANSWERS);

  const lineageOf = (record: Fields, session: string): Lineage => {
    const side = record.isSidechain === true;
    const instance = side ? (typeof record.agentId === 'string' ? record.agentId : 'sidechain') : undefined;
    const key = `${session} ${instance ?? ''}`;
    let lineage = lineages.get(key);
    if (lineage === undefined) {
      lineage = new Lineage(key, session, instance === undefined ? undefined : hasher.id('instance', `${session} ${instance}`), side ? 'subagent' : 'main');
      const dropped = lineages.set(key, lineage);
      if (dropped !== undefined) close(dropped[1]);
    }
    return lineage;
  };

  const close = (lineage: Lineage): void => {
    const { answer } = lineage;
    if (answer === undefined) return;
    lineage.answer = undefined;
    lineage.fresh.push(...lineage.results);
    lineage.results = [];
    const seenIn = answers.peek(answer.id);
    if (answer.id !== '' && seenIn !== undefined && seenIn !== lineage.session) {
      // Told again: it is part of the conversation, and no call.
      lineage.runs = answer.keep;
      lineage.fresh = [...answer.add, ...lineage.fresh];
      return;
    }
    answers.set(answer.id, lineage.session);
    const { usage } = answer;
    const cacheRead = count(usage.cache_read_input_tokens);
    const cacheWrite = count(usage.cache_creation_input_tokens);
    const input = count(usage.input_tokens);
    emit({
      session: lineage.session, agent: lineage.agent, instance: lineage.instance, startMs: answer.startMs, durationMs: durationMs(answer.startMs, answer.endMs),
      lineage: lineage.key, keep: answer.keep, add: answer.add, out: answer.out, stop: knownStop(answer.stop),
      tools: calledTools(hasher, [{ role: 'assistant', content: answer.blocks }]),
      usage: { in: input === undefined ? undefined : input + (cacheRead ?? 0) + (cacheWrite ?? 0), out: count(usage.output_tokens), cacheRead, cacheWrite },
      hidden: `claude-code ${lineage.agent}`,
    });
  };

  const readAnswer = (lineage: Lineage, message: Fields, atMs: number | null): void => {
    const id = typeof message.id === 'string' ? message.id : '';
    if (lineage.answer !== undefined && lineage.answer.id !== id) close(lineage);
    if (lineage.answer === undefined) {
      lineage.answer = { id, keep: lineage.restarted ? 0 : lineage.runs, add: lineage.fresh, startMs: lineage.lastMs ?? atMs, endMs: atMs, out: [], blocks: [], stop: undefined, usage: {} };
      lineage.runs = lineage.answer.keep + lineage.fresh.length;
      lineage.fresh = [];
      lineage.restarted = false;
    }
    const { answer } = lineage;
    const blocks = (Array.isArray(message.content) ? message.content : [{ type: 'text', text: message.content }]).filter(isFields);
    for (const block of blocks) {
      const runs = messageRuns(hasher, { role: 'assistant', content: [block] });
      answer.out.push(...runs);
      if (block.type !== 'thinking' && block.type !== 'redacted_thinking') lineage.fresh.push(...runs);
      if (isFields(block.input) && typeof block.input.prompt === 'string' && typeof block.input.subagent_type === 'string') {
        spawns.set(hasher.hash('spawn', block.input.prompt), hasher.name('agent', block.input.subagent_type));
      }
    }
    answer.blocks.push(...blocks);
    answer.endMs = atMs ?? answer.endMs;
    answer.stop = message.stop_reason ?? answer.stop;
    if (isFields(message.usage)) answer.usage = message.usage;
  };

  const readUser = (lineage: Lineage, message: Fields): void => {
    if (lineage.runs === 0 && lineage.fresh.length === 0 && lineage.answer === undefined && lineage.agent === 'subagent') {
      const told = typeof message.content === 'string' ? message.content : Array.isArray(message.content) && isFields(message.content[0]) ? message.content[0].text : undefined;
      if (typeof told === 'string') lineage.agent = spawns.get(hasher.hash('spawn', told)) ?? lineage.agent;
    }
    (lineage.answer === undefined ? lineage.fresh : lineage.results).push(...messageRuns(hasher, { role: 'user', content: message.content }));
  };

  return {
    read(record: Fields, place) {
      const { type } = record;
      if (type === 'system' && record.subtype === 'compact_boundary') {
        const lineage = lineageOf(record, requiredText(record, 'sessionId', place));
        close(lineage);
        lineage.restart();
        return;
      }
      if (type !== 'user' && type !== 'assistant') return;
      const lineage = lineageOf(record, requiredText(record, 'sessionId', place));
      const { message } = record;
      if (!isFields(message)) throw importFault(place, 'message', 'an object', message);
      if (typeof message.content !== 'string' && !Array.isArray(message.content)) throw importFault(place, 'message.content', 'a text or an array of blocks', message.content);
      const atMs = timeMs(record.timestamp);
      // What the harness wrote itself (an error shown in place of an answer) is no call.
      if (type === 'assistant' && (record.isApiErrorMessage === true || message.model === '<synthetic>')) return;
      if (type === 'assistant') readAnswer(lineage, message, atMs);
      else readUser(lineage, message);
      lineage.lastMs = atMs ?? lineage.lastMs;
    },
    endFile() {
      for (const [, lineage] of lineages) close(lineage);
    },
  };
}
