import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { checkTrace } from '../trace-check/check-trace.ts';
import { importTrace, inputFiles, TextHasher, type ImportOptions, type ImportSummary } from './index.ts';

const FIXTURES = fileURLToPath(new URL('fixtures/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'entresol-import-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const hasher = new TextHasher(Buffer.from('a key of sixteen bytes or more'));

interface Line {
  workload: string; session: string; step: number; agent: string; inst?: string; stop?: string; t_ms: number | null; dur_ms: number | null;
  prompt_tokens: number; output_tokens: number; base: [number, number] | null; segments: [string, number][]; out: [string, number][];
  tools: { name: string; args_hash?: string }[]; usage?: Record<string, number>;
}
async function run(paths: readonly string[], options: Partial<ImportOptions> = {}): Promise<{ lines: Line[]; text: string; summary: ImportSummary }> {
  const steps = importTrace({ files: inputFiles(paths), hasher, skipBroken: false, ...options });
  const texts: string[] = [];
  for (;;) {
    const next = await steps.next();
    if (next.done === true) return { lines: texts.map((text) => JSON.parse(text) as Line), text: texts.join('\n'), summary: next.value };
    texts.push(next.value);
  }
}
const fixture = (name: string) => run([join(FIXTURES, name)]);
const brief = (lines: readonly Line[]) => lines.map(({ step, agent, t_ms, dur_ms, stop, base, tools }) => [step, agent, t_ms, dur_ms, stop, base, tools.map(({ name }) => name).join()]);
const ALL = ['otlp.jsonl', 'otlp-document.json', 'litellm.jsonl', 'openai.jsonl', 'claude-code', 'codex.jsonl', 'mooncake.jsonl', 'lmcache.jsonl', 'lmcache-messages.jsonl', 'entresol.jsonl'];

describe('importTrace', () => {
  it('OpenTelemetry spans: agents of the spans around, whose export comes later; prompts share what they share', async () => {
    const { lines, summary } = await fixture('otlp.jsonl');
    expect(summary).toMatchObject({ format: 'otlp', records: 5, sessions: 1, calls: 4 });
    expect(brief(lines)).toEqual([
      [0, 'planner', 0, 1400, 'stop', null, ''], [1, 'clerk', 1500, 800, 'tool_call', null, 'find_trains'],
      [2, 'clerk', 2900, 700, 'stop', [1, 3], ''], [3, 'planner', 3700, 900, 'stop', [0, 3], ''],
    ]);
    // An answer comes back in a later prompt with the hash that it had as an answer.
    expect([lines[2].segments[0], lines[3].segments[0]]).toEqual([lines[1].out[0], lines[0].out[0]]);
    expect(lines[1].segments.at(-1)?.[0]).not.toBe(lines[0].out[0][0]);
    expect(lines[0]).toMatchObject({ workload: 'travel-desk', output_tokens: 19, usage: { in: 64, out: 19 } });
  });

  it('spans without content, as one document: the conversation grows', async () => {
    const { lines } = await fixture('otlp-document.json');
    expect(lines.map(({ prompt_tokens, base, segments }) => [prompt_tokens, base, segments.length])).toEqual([[400, null, 1], [520, [0, 1], 2]]);
    expect(lines[1].segments[0]).toEqual(lines[0].out[0]);
  });

  it('LiteLLM: a failed call is none; team, agent and trace id say who it was', async () => {
    const { lines, summary } = await fixture('litellm.jsonl');
    expect(summary).toMatchObject({ format: 'litellm', records: 4, sessions: 2, calls: 3 });
    expect(brief(lines)).toEqual([
      [0, 'planner', 0, 1500, 'tool_calls', null, 'find_rooms'], [1, 'planner', 2750, 1000, 'stop', [0, 4], ''],
      [0, expect.stringMatching(/^agent-/), 0, 500, 'stop', null, ''],
    ]);
    expect(lines[1].segments[0]).toEqual(lines[0].out[0]);
  });

  it('OpenAI-style logs: sessions by what a prompt goes on from, agents by their system text', async () => {
    const { lines } = await fixture('openai.jsonl');
    expect(brief(lines)).toEqual([
      [0, expect.stringMatching(/^agent-/), 0, 1500, 'tool_calls', null, 'find_rooms'], [1, lines[0].agent, 2500, 900, 'stop', [0, 4], ''],
      [0, expect.stringMatching(/^agent-/), 0, 300, 'stop', null, ''], [0, 'summariser', 0, null, 'completed', null, ''],
    ]);
    expect(lines[1].usage).toEqual({ in: 150, out: 7, cache_read: 96 });
    // Whole prompts with their usage tell how many tokens a byte has: lengths come out as the provider counted, about.
    for (const line of lines) expect(Math.abs(line.prompt_tokens - (line.usage?.in ?? 0)) / (line.usage?.in ?? 1)).toBeLessThan(0.15);
  });

  it('Claude Code: lines of one answer are one call, a sub-agent has its kind, a compaction starts anew', async () => {
    const { lines, summary } = await fixture('claude-code');
    expect(summary).toMatchObject({ format: 'claude-code', files: 2, sessions: 1, calls: 6 });
    expect(brief(lines)).toEqual([
      [0, 'main', 0, 3000, 'tool_use', null, 'Task'], [1, 'Explore', 3200, 1800, 'tool_use', null, 'Grep'], [2, 'Explore', 5400, 3200, 'end_turn', [1, 2], ''],
      [3, 'main', 9000, 2500, 'tool_use', [0, 2], 'Edit'], [4, 'main', 12_000, 2000, 'end_turn', [3, 5], ''], [5, 'main', 25_000, 2000, 'end_turn', [0, 1], ''],
    ]);
    // What the transcript does not show of the prompt is there in length.
    expect(lines[0].prompt_tokens).toBeGreaterThan(13_500);
    expect(lines[1].inst).toBe(lines[2].inst);
    expect(lines[0].usage).toEqual({ in: 14_204, out: 95, cache_read: 0, cache_write: 14_200 });
  });

  it('Claude Code: a resumed session repeats what it goes on from, which is no call again', async () => {
    const say = (session: string, type: string, at: number, message: object): string => JSON.stringify({ type, sessionId: session, uuid: `${session}${at}`, isSidechain: false, timestamp: new Date(1_746_000_000_000 + at * 1000).toISOString(), message });
    const old = (session: string): string[] => [
      say(session, 'user', 0, { role: 'user', content: 'Which lamp is out?' }),
      say(session, 'assistant', 1, { id: 'msg_1', role: 'assistant', content: [{ type: 'text', text: 'Lamp seven.' }], stop_reason: 'end_turn', usage: { input_tokens: 9000, output_tokens: 4 } }),
    ];
    const path = join(folder, 'resumed');
    mkdirSync(path);
    writeFileSync(join(path, '1.jsonl'), old('one').join('\n'));
    writeFileSync(join(path, '2.jsonl'), [
      ...old('two'), say('two', 'user', 60, { role: 'user', content: 'Mend it.' }),
      say('two', 'assistant', 62, { id: 'msg_2', role: 'assistant', content: [{ type: 'text', text: 'Done.' }], stop_reason: 'end_turn', usage: { input_tokens: 9020, output_tokens: 3 } }),
    ].join('\n'));
    const { lines } = await run([path]);
    expect(lines.map(({ session, step, usage }) => [session === lines[0].session, step, usage?.in])).toEqual([[true, 0, 9000], [false, 0, 9020]]);
    // Its prompt begins with the old one's prompt and answer.
    expect(lines[1].segments.slice(0, 3)).toEqual([...lines[0].segments, ...lines[0].out]);
  });

  it('Claude Code: an answer that goes on after the result of a tool that it asked for is one call', async () => {
    const at = (type: string, second: number, message: object): string => JSON.stringify({ type, sessionId: 's', isSidechain: false, timestamp: new Date(1_746_000_000_000 + second * 1000).toISOString(), message });
    const answer = (content: object, stop: string | null) => ({ id: 'msg_1', role: 'assistant', content: [content], stop_reason: stop, usage: { input_tokens: 9000, output_tokens: 80 } });
    const result = (id: string) => ({ role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: `lamp ${id} is out` }] });
    const path = join(folder, 'streaming-tools.jsonl');
    writeFileSync(path, [
      at('user', 0, { role: 'user', content: 'Which lamps are out?' }),
      at('assistant', 2, answer({ type: 'tool_use', id: 'a', name: 'Grep', input: { pattern: 'seven' } }, null)), at('user', 3, result('a')),
      at('assistant', 4, answer({ type: 'tool_use', id: 'b', name: 'Read', input: { file: 'pier' } }, 'tool_use')), at('user', 5, result('b')),
      at('assistant', 7, { id: 'msg_2', role: 'assistant', content: [{ type: 'text', text: 'Two.' }], stop_reason: 'end_turn', usage: { input_tokens: 9100, output_tokens: 3 } }),
    ].join('\n'));
    const { lines } = await run([path]);
    expect(brief(lines)).toEqual([[0, 'main', 0, 4000, 'tool_use', null, 'Grep,Read'], [1, 'main', 5000, 2000, 'end_turn', [0, 2], '']]);
    // Both tool uses, then both results.
    expect(lines[1].segments.slice(0, 2)).toEqual(lines[0].out);
    expect(lines[1].segments).toHaveLength(4);
  });

  it('Codex: a sub-agent belongs to the session of its parent, by its role; a fork repeats the old thread', async () => {
    const item = (second: number, type: string, payload: object): string => JSON.stringify({ timestamp: new Date(1_746_000_000_000 + second * 1000).toISOString(), type, payload });
    const turn = (second: number, ask: string): string[] => [
      item(second, 'response_item', { type: 'message', role: 'user', content: [{ type: 'input_text', text: ask }] }),
      item(second + 1, 'response_item', { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: `${ask}: seven` }] }),
      item(second + 1, 'event_msg', { type: 'token_count', info: { last_token_usage: { input_tokens: 5000, cached_input_tokens: 0, output_tokens: 9 } } }),
    ];
    const path = join(folder, 'threads');
    mkdirSync(path);
    writeFileSync(join(path, 'rollout-1.jsonl'), [item(0, 'session_meta', { id: 't1', source: 'cli' }), ...turn(1, 'Which lamp is out?')].join('\n'));
    writeFileSync(join(path, 'rollout-2.jsonl'), [item(3, 'session_meta', { id: 't2', source: { subagent: { thread_spawn: { parent_thread_id: 't1', depth: 1, agent_role: 'explorer' } } } }), ...turn(4, 'Look for lamp seven')].join('\n'));
    writeFileSync(join(path, 'rollout-3.jsonl'), [item(6, 'session_meta', { id: 't3', source: { subagent: { thread_spawn: { parent_thread_id: 't2', depth: 2 } } } }), ...turn(7, 'Count the lamps')].join('\n'));
    writeFileSync(join(path, 'rollout-4.jsonl'), [item(9, 'session_meta', { id: 't4', forked_from_id: 't1', source: 'cli' }), item(9, 'session_meta', { id: 't1', source: 'cli' }), ...turn(10, 'Mend it')].join('\n'));
    const { lines } = await run([path]);
    const [first] = lines;
    expect(lines.map(({ session, step, agent, inst }) => [session === first.session, step, agent, inst === undefined])).toEqual([
      [true, 0, 'main', true], [true, 1, 'explorer', false], [true, 2, 'subagent', false], [false, 0, 'main', true],
    ]);
  });

  it('LiteLLM: batches as arrays; redacted messages are lengths, not one text that all share', async () => {
    const payload = (call: number, promptTokens: number) => ({
      call_type: 'acompletion', status: 'success', trace_id: 'trace-r', startTime: 1_746_000_000 + call, endTime: 1_746_000_000.5 + call, prompt_tokens: promptTokens, completion_tokens: 20,
      messages: [{ role: 'user', content: 'redacted-by-litellm' }], response: { text: 'redacted-by-litellm' }, metadata: { requester_metadata: { agent_name: 'planner' } },
    });
    const path = join(folder, 'redacted.jsonl');
    writeFileSync(path, JSON.stringify([payload(0, 400), payload(1, 480), { ...payload(2, 300), trace_id: 'trace-s' }]));
    const { lines, summary } = await run([path]);
    expect(summary).toMatchObject({ format: 'litellm', records: 3, sessions: 2, calls: 3 });
    expect(lines.map(({ prompt_tokens, base, segments }) => [prompt_tokens, base, segments.length])).toEqual([[400, null, 1], [480, [0, 1], 2], [300, null, 1]]);
    expect(lines[2].segments[0][0]).not.toBe(lines[0].segments[0][0]);
  });

  it('Codex: calls end where their usage is told, a compaction starts anew', async () => {
    const { lines } = await fixture('codex.jsonl');
    expect(brief(lines)).toEqual([[0, 'main', 0, 1800, 'tool_calls', null, 'shell'], [1, 'main', 2300, 1400, 'stop', [0, 4], ''], [2, 'main', 30_700, 2000, 'stop', [0, 1], '']]);
    expect(lines.map(({ usage }) => usage)).toEqual([{ in: 5200, out: 60, cache_read: 4096 }, { in: 5330, out: 9, cache_read: 5200 }, { in: 5150, out: 15, cache_read: 4096 }]);
  });

  it('Mooncake: block ids as they are, the last block as far as it is filled', async () => {
    const { lines } = await fixture('mooncake.jsonl');
    expect(lines.map(({ t_ms, prompt_tokens, output_tokens, base, segments }) => [t_ms, prompt_tokens, output_tokens, base, segments.map(([, tokens]) => tokens)])).toEqual([
      [0, 1200, 52, null, [512, 512, 176]], [105, 1800, 26, [0, 1], [512, 512, 264]], [3052, 1536, 40, [1, 2], [512]], [3052, 700, 8, null, [512, 188]],
    ]);
  });

  it('LMCache: whole prompts as text, by time though the file is not; or messages with gaps', async () => {
    const { lines } = await fixture('lmcache.jsonl');
    expect(lines.map(({ step, t_ms, base }) => [step, t_ms, base])).toEqual([[0, 0, null], [1, 2334, [0, 1]], [0, 0, null]]);
    const { lines: messages } = await fixture('lmcache-messages.jsonl');
    // 52 tokens at 60 a second, then 0.75 s.
    expect(messages.map(({ t_ms, output_tokens, base }) => [t_ms, output_tokens, base])).toEqual([[0, 52, null], [1617, 73, [0, 2]]]);
  });

  it("Entresol's decision log: instances grow, errors and calls without an end are none", async () => {
    const { lines } = await fixture('entresol.jsonl');
    expect(brief(lines)).toEqual([
      [0, 'planner', 0, 1200, 'stop', null, ''], [1, 'clerk', 1300, 700, 'tool_calls', null, 'find_trains'],
      [2, 'clerk', 2500, 500, 'stop', [1, 1], ''], [3, 'planner', 3300, 700, 'stop', [0, 2], ''],
    ]);
    expect(lines.map(({ prompt_tokens }) => prompt_tokens)).toEqual([800, 500, 580, 900]);
  });

  it.each(ALL)('%s becomes a trace without a fault', async (name) => {
    const { text } = await fixture(name);
    const path = join(folder, `${name}.jsonl`);
    writeFileSync(path, text);
    expect(await checkTrace(path)).toMatchObject({ faults: [], moreFaults: 0 });
  });

  it('two imports share their hashes by a common key only', async () => {
    const hashes = async (key: string): Promise<string> => (await run([join(FIXTURES, 'openai.jsonl')], { hasher: new TextHasher(Buffer.from(key)) })).lines[0].segments[0][0];
    expect(await hashes('one key of sixteen bytes')).toBe(await hashes('one key of sixteen bytes'));
    expect(await hashes('one key of sixteen bytes')).not.toBe(await hashes('a key of sixteen bytes too'));
  });

  it('names a broken record by file, line and field without its text, or counts it', async () => {
    const path = join(folder, 'broken.jsonl');
    const good = readFileSync(join(FIXTURES, 'mooncake.jsonl'), 'utf8').trim().split('\n');
    writeFileSync(path, [good[0], '{"timestamp":1,"input_length":"secretive","output_length":1,"hash_ids":[]}', 'no json, secretive', ...good.slice(1)].join('\n'));
    await expect(run([path])).rejects.toMatchObject({ code: 'ENT_TRACE_INVALID', at: `${path}:2`, message: 'field input_length: expected a whole number from 0, found a string of 9 characters.' });
    const { lines, summary } = await run([path], { skipBroken: true });
    expect([lines.length, summary.brokenRecords]).toEqual([4, 2]);
    expect(summary.firstBroken[1]).toMatch(/:3: field \(the line\): expected one JSON object/);
    expect(JSON.stringify(summary)).not.toContain('secretive');
  });

  it('counts what is broken of a batch, one by one, and keeps the rest of it', async () => {
    const good = readFileSync(join(FIXTURES, 'mooncake.jsonl'), 'utf8').trim().split('\n');
    const path = join(folder, 'broken-batch.jsonl');
    writeFileSync(path, `[${[good[0], '7', '{"timestamp":1,"input_length":"x","output_length":1,"hash_ids":[]}', ...good.slice(1), 'null'].join(',')}]`);
    await expect(run([path])).rejects.toMatchObject({ code: 'ENT_TRACE_INVALID', message: 'field [1]: expected a JSON object, found a number.' });
    const { lines, summary } = await run([path], { skipBroken: true });
    expect([lines.length, summary.records, summary.brokenRecords]).toEqual([good.length, good.length + 3, 3]);
    expect(summary.firstBroken.map((each) => each.slice(path.length))).toEqual([
      ':1: field [1]: expected a JSON object, found a number.', ':1: field input_length: expected a whole number from 0, found a string of 1 characters.',
      `:1: field [${good.length + 2}]: expected a JSON object, found null.`,
    ]);
  });

  it.each([
    ['an unknown record', '{"weather":"fine"}', /a record of otlp, mooncake, codex/],
    ['nothing but known records that are no calls', '{"type":"summary","summary":"x"}', /expected at least one call, found none in 1 records read as claude-code/],
  ])('says what is wrong with %s', async (_what, text, message) => {
    const path = join(folder, 'wrong.jsonl');
    writeFileSync(path, text);
    await expect(run([path])).rejects.toThrow(message);
  });
});

/** Fields whose value is no text of anybody's: types, times, ids that are checked, names that are kept. */
const STRUCTURE = new Set([
  'type', 'subtype', 'role', 'timestamp', 'key', 'traceId', 'spanId', 'parentSpanId', 'startTimeUnixNano', 'endTimeUnixNano', 'intValue', 'status', 'object', 'call_type',
  'finish_reason', 'stop_reason', 'stop', 'name', 'subagent_type', 'agent', 'agent_name', 'user_api_key_team_alias', 'message.id', 'tools.0', 'model', 'session_id', 'sessionId', 'isSidechain', 'encrypted_content',
]);
const KEPT_ATTRIBUTES = /\.name$|finish_reasons$|conversation\.id$|request\.model$/;

/** The value with a word put into every text. Texts that hold JSON stay JSON. */
function spoken(value: unknown, word: () => string, key = '', attribute = ''): unknown {
  if (typeof value === 'string') {
    if (STRUCTURE.has(key) || KEPT_ATTRIBUTES.test(attribute)) return value;
    try {
      const inner: unknown = JSON.parse(value);
      if (typeof inner === 'object') return JSON.stringify(spoken(inner, word));
    } catch {
      // Plain text.
    }
    return `${word()} ${value}\n${word()}`;
  }
  if (Array.isArray(value)) return value.map((each) => spoken(each, word, key, attribute));
  if (typeof value !== 'object' || value === null) return value;
  const own = 'key' in value ? String(value.key) : attribute;
  // Evidence of identity is `{value, source, confidence}`: ids and names, not text.
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, 'confidence' in value ? each : spoken(each, word, name, own)]));
}

describe('no text leaves', () => {
  const words = fc.array(fc.stringMatching(/^[a-zA-ZäöüßéА-я]{9,14}$/), { minLength: 5, maxLength: 12 });
  it.each(ALL.filter((name) => name !== 'mooncake.jsonl' && name !== 'claude-code'))('of %s: no word of any text is in the trace', async (name) => {
    const records = name.endsWith('.json') ? [JSON.parse(readFileSync(join(FIXTURES, name), 'utf8')) as unknown]
      : readFileSync(join(FIXTURES, name), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as unknown);
    await fc.assert(fc.asyncProperty(words, fc.nat(), async (secrets, seed) => {
      let next = seed;
      const path = join(folder, 'spoken.jsonl');
      writeFileSync(path, records.map((record) => JSON.stringify(spoken(record, () => secrets[next++ % secrets.length]))).join('\n'));
      const { text, lines } = await run([path]);
      expect(lines.length).toBeGreaterThan(0);
      for (const secret of secrets) expect(text.toLowerCase()).not.toContain(secret.toLowerCase());
      for (const plain of ['gulls', 'lift', 'Basel', 'lamp', 'harbour', 'Anselm', 'somebody']) expect(text).not.toContain(plain);
    }), { numRuns: 20 });
  });

  it('of Claude Code transcripts, paths and all', async () => {
    const { text } = await fixture('claude-code');
    for (const word of ['tide', 'somebody', 'harbour', 'Summer', 'scout', 'readTable', '9f1c2d3e', 'a1b2c3d4', 'offset']) expect(text).not.toContain(word);
  });

  it('names that are no identifiers are hashed, and all names if asked to', async () => {
    const path = join(folder, 'names.jsonl');
    const record = { session_id: 's', messages: [{ role: 'user', content: 'x' }], response: { choices: [{ message: { role: 'assistant', tool_calls: [{ function: { name: 'call Anselm at home', arguments: '' } }] } }] } };
    writeFileSync(path, [{ ...record, agent: "Anselm's helper" }, { ...record, agent: 'planner' }].map((each) => JSON.stringify(each)).join('\n'));
    const { lines, text } = await run([path]);
    expect(text).not.toContain('Anselm');
    expect(lines.map(({ agent }) => agent)).toEqual([expect.stringMatching(/^agent-[\w-]{12}$/), 'planner']);
    const { lines: hashed } = await run([path], { hasher: new TextHasher(Buffer.from('a key of sixteen bytes'), true) });
    expect(hashed[1].agent).toMatch(/^agent-[\w-]{12}$/);
  });
});
