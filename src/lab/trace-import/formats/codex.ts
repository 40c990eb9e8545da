/**
 * Codex's rollouts: a file per session; `response_item` lines are what the model was shown or said, a `token_count`
 * event tells the usage of the call that has just ended. Instructions that a rollout does not show, and its tools, count
 * as one hidden run.
 */
import { BoundedMap } from '../../../core/index.ts';
import { count, durationMs, importFault, requiredText, timeMs, type Fields } from '../fields.ts';
import type { EmitCall, FormatReader, HashedRun, ImportedCall } from '../imported-call.ts';
import { calledTools, isFields, messageRuns } from '../messages.ts';
import type { TextHasher } from '../text-hasher.ts';

const THREADS = 100_000;

interface Spawn { readonly parent?: string; readonly role?: string }

/** Who a sub-agent's thread is and whose: `{subagent: "review"}`, `{subagent: {thread_spawn: {parent_thread_id, agent_role}}}`, `{subagent: {other: "guardian"}}`. */
function spawnOf(source: unknown): Spawn | undefined {
  const subagent = isFields(source) ? source.subagent : undefined;
  if (subagent === undefined) return undefined;
  if (typeof subagent === 'string') return { role: subagent };
  const spawn = isFields(subagent) && isFields(subagent.thread_spawn) ? subagent.thread_spawn : {};
  const role = [spawn.agent_role, isFields(subagent) ? subagent.other : undefined].find((value) => typeof value === 'string' && value !== '');
  return { ...(typeof spawn.parent_thread_id === 'string' ? { parent: spawn.parent_thread_id } : {}), ...(typeof role === 'string' ? { role } : {}) };
}

interface Answer {
  readonly keep: number;
  readonly add: readonly HashedRun[];
  readonly startMs: number | null;
  endMs: number | null;
  readonly out: HashedRun[];
  readonly items: Fields[];
}

export function codexReader(hasher: TextHasher, emit: EmitCall): FormatReader {
  /** The file's own thread; '' before its first line. */
  let thread = '';
  let session = '';
  let agent = 'main';
  /** The session that each thread of a sub-agent belongs to. A parent's file comes before its sub-agents', by the dates in their names. */
  const sessions = new BoundedMap<string, string>(THREADS);
  let runs = 0;
  let fresh: HashedRun[] = [];
  let lastMs: number | null = null;
  let answer: Answer | undefined;
  /** Ended; its usage may still come. */
  let ended: ImportedCall | undefined;

  const release = (usage?: ImportedCall['usage']): void => {
    if (ended !== undefined) emit(usage === undefined ? ended : { ...ended, usage });
    ended = undefined;
  };
  const end = (): void => {
    if (answer === undefined) return;
    release();
    const tools = calledTools(hasher, answer.items);
    ended = {
      session, agent, ...(thread === session ? {} : { instance: hasher.id('instance', thread) }),
      startMs: answer.startMs, durationMs: durationMs(answer.startMs, answer.endMs), lineage: thread, keep: answer.keep, add: answer.add,
      out: answer.out, tools, stop: tools.length > 0 ? 'tool_calls' : 'stop', hidden: `codex ${agent}`,
    };
    answer = undefined;
  };
  const restart = (): void => {
    end();
    release();
    runs = 0;
    fresh = [];
  };

  const readItem = (item: Fields, atMs: number | null): void => {
    const { type } = item;
    const said = type === 'reasoning' || type === 'function_call' || type === 'custom_tool_call' || type === 'local_shell_call' || type === 'web_search_call'
      || (type === 'message' && item.role === 'assistant');
    const own = messageRuns(hasher, type === 'message' ? { role: item.role, content: item.content } : item);
    if (!said) {
      end();
      fresh.push(...own);
    } else {
      if (answer === undefined) {
        answer = { keep: runs, add: fresh, startMs: lastMs ?? atMs, endMs: atMs, out: [], items: [] };
        runs += fresh.length;
        fresh = [];
      }
      answer.out.push(...own);
      answer.items.push(item);
      answer.endMs = atMs ?? answer.endMs;
      fresh.push(...own);
    }
    lastMs = atMs ?? lastMs;
  };

  const readUsage = (info: unknown): void => {
    const last = isFields(info) ? info.last_token_usage : undefined;
    if (!isFields(last)) return;
    end();
    release({ in: count(last.input_tokens), out: count(last.output_tokens), cacheRead: count(last.cached_input_tokens) });
  };

  return {
    read(record: Fields, place) {
      const { type, payload } = record;
      if (type !== 'session_meta' && type !== 'response_item' && type !== 'event_msg' && type !== 'compacted') return;
      if (!isFields(payload)) throw importFault(place, 'payload', 'an object', payload);
      if (type === 'session_meta') {
        // A forked thread repeats what it goes on from, the first line of the old thread included.
        if (thread !== '') return;
        thread = requiredText(payload, 'id', place);
        const spawned = spawnOf(payload.source);
        session = spawned?.parent === undefined ? thread : sessions.get(spawned.parent) ?? spawned.parent;
        sessions.set(thread, session);
        agent = spawned === undefined ? 'main' : spawned.role === undefined ? 'subagent' : hasher.name('agent', spawned.role);
        const instructions = isFields(payload.base_instructions) ? payload.base_instructions.text : payload.instructions;
        if (typeof instructions === 'string') fresh.push(...messageRuns(hasher, { role: 'system', content: instructions }));
        return;
      }
      if (thread === '') throw importFault(place, 'type', 'session_meta before anything else', type);
      if (type === 'response_item') {
        if (typeof payload.type !== 'string') throw importFault(place, 'payload.type', 'a text', payload.type);
        readItem(payload, timeMs(record.timestamp));
      } else if (type === 'event_msg') {
        if (payload.type === 'token_count') readUsage(payload.info);
      } else {
        restart();
        const history = Array.isArray(payload.replacement_history) ? payload.replacement_history.filter(isFields) : [{ role: 'user', content: payload.message }];
        fresh.push(...history.flatMap((item) => messageRuns(hasher, item)));
      }
    },
    endFile() {
      restart();
      thread = '';
    },
  };
}
