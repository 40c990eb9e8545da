import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testHashing } from '../../../test/support/hash.ts';
import { IdentityState, Outline, OutlineReader, OWN_ROW, rememberAnswer, rememberRequest, resolveIdentity, VENDOR_ROWS, type AnswerOutline, type Identity } from './index.ts';
import { VENDOR_EXAMPLES } from './vendors.examples.ts';

const lower = (headers: Readonly<Record<string, string>>): Map<string, string> => new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
/** As the gateway reads it: from bytes. */
const outlined = (body: unknown): Outline | undefined =>
  (typeof body === 'object' && body !== null && !Array.isArray(body) ? new OutlineReader(testHashing).read(Buffer.from(JSON.stringify(body))) : undefined);
const resolve = (headers: Readonly<Record<string, string>>, body: unknown, state = new IdentityState()): Identity =>
  resolveIdentity({ headers: lower(headers), outline: outlined(body), state, hashing: testHashing }).identity;

/** One call and its answer, as the gateway lives them. */
function converse(state: IdentityState, body: unknown, answer: AnswerOutline, headers: Readonly<Record<string, string>> = {}): Identity {
  const input = { headers: lower(headers), outline: outlined(body), state, hashing: testHashing };
  const { identity, inference } = resolveIdentity(input);
  rememberRequest(input, identity, inference);
  rememberAnswer(input, identity, inference, answer);
  return identity;
}

const tool = (name: string): unknown => ({ type: 'function', function: { name, parameters: { type: 'object' } } });
const system = (content: string): unknown => ({ role: 'system', content });
const user = (content: string): unknown => ({ role: 'user', content });
const called = (id: string, name: string, argumentsJson: string): unknown => ({ role: 'assistant', content: null, tool_calls: [{ id, type: 'function', function: { name, arguments: argumentsJson } }] });
const result = (id: string, content: string): unknown => ({ role: 'tool', tool_call_id: id, content });

describe('the vendor table', () => {
  it('has a recorded example for every row', () => {
    expect(Object.keys(VENDOR_EXAMPLES).sort()).toEqual([OWN_ROW, ...VENDOR_ROWS].map((row) => row.vendor).sort());
  });

  it.each(Object.entries(VENDOR_EXAMPLES))('reads %s', (_vendor, example) => {
    const identity = resolve(example.headers ?? {}, example.body);
    expect(identity.session.value).toBe(example.expect.session);
    if (example.expect.agent !== undefined) expect(identity.agent.value).toBe(example.expect.agent);
    if (example.expect.instance !== undefined) expect(identity.instance.value).toBe(example.expect.instance);
    expect(identity.parent?.value).toBe(example.expect.parent);
    expect(identity.final).toBe(example.expect.final ?? false);
    expect(identity.conflicts).toEqual([]);
  });

  it('reads the older form of the user id', () => {
    expect(resolve({}, { metadata: { user_id: 'user_ab12_account_cd34_session_0f8fad5b-d9cb-469f-a165-70867728950e' } }).session)
      .toMatchObject({ value: '0f8fad5b-d9cb-469f-a165-70867728950e', source: 'claude-user-id:session_id' });
  });
});

describe('precedence', () => {
  it('lets our own headers override field by field and shows what they overrode', () => {
    const identity = resolve({ 'x-entresol-session': 'mine', 'x-claude-code-session-id': 'theirs', 'x-claude-code-agent-id': 'sub' }, undefined);
    expect(identity.session).toEqual({ value: 'mine', source: 'header:x-entresol-session', confidence: 1 });
    expect(identity.instance.value).not.toBe('sub');
    expect(identity.conflicts).toContainEqual({ field: 'session', value: 'theirs', source: 'header:x-claude-code-session-id', confidence: 0.96 });
  });

  it('adds our agent header to a vendor row that names the session', () => {
    const identity = resolve({ 'x-entresol-agent': 'planner', 'x-claude-code-session-id': 's' }, undefined);
    expect(identity).toMatchObject({ session: { value: 's' }, agent: { value: 'planner', confidence: 1 } });
  });

  it('takes one row whole: a row that names another session gives neither agent nor parent', () => {
    const identity = resolve({ 'x-claude-code-session-id': 's', 'x-switchyard-session-id': 't', 'x-switchyard-agent-id': 'a', 'x-claude-code-parent-agent-id': 'p' }, undefined);
    expect(identity).toMatchObject({ session: { value: 't' }, instance: { value: 'a' } });
    expect(identity.parent).toBeUndefined();
    expect(identity.conflicts).toContainEqual(expect.objectContaining({ field: 'session', value: 's' }));
  });

  it('takes the workload from its header alone', () => {
    expect(resolve({ 'x-entresol-workload': 'shop' }, undefined).workload).toEqual({ value: 'shop', source: 'header:x-entresol-workload', confidence: 1 });
    expect(resolve({ 'x-entresol-agent': 'shop' }, undefined).workload).toMatchObject({ value: 'default', source: 'default' });
  });

  it('never reads the credential', () => {
    const first = resolve({ authorization: 'Bearer one' }, { messages: [user('hello')] });
    expect(first).toEqual(resolve({ authorization: 'Bearer two' }, { messages: [user('hello')] }));
  });

  it('drops and names values that are too long or not printable', () => {
    const identity = resolve({ 'x-entresol-session': 'a'.repeat(257), 'x-entresol-agent': 'pl\u0001an', 'x-session-id': 'good' }, undefined);
    expect(identity.session.value).toBe('good');
    expect(identity.dropped).toEqual(['header:x-entresol-session', 'header:x-entresol-agent']);
  });

  it('answers printable ids of at most 256 bytes for any call at all', () => {
    fc.assert(fc.property(fc.dictionary(fc.constantFrom('x-session-id', 'x-entresol-agent', 'baggage', 'traceparent', 'x-codex-turn-metadata', 'x-entresol-session'), fc.string({ maxLength: 300 })), fc.jsonValue(), (headers, body) => {
      const identity = resolve(headers, body);
      for (const id of [identity.session, identity.agent, identity.instance, identity.workload]) {
        expect(id.value).toMatch(/^[\x20-\x7e]{1,256}$/);
        expect(id.confidence).toBeGreaterThan(0);
      }
    }));
  });
});

describe('inference', () => {
  const messages = [system('You are the planner of a shop.'), user('Plan my week')];

  it('joins a request to the answer whose tool call it carries, whatever the client did to its text', () => {
    const state = new IdentityState();
    const first = converse(state, { messages, tools: [tool('search')] }, { text: '', toolCalls: [{ id: 'call_1', name: 'search', arguments: '{"a":2,"b":40}' }] });
    const next = resolve({}, { messages: [system('You are the worker.'), user('(history cut)'), called('call_1', 'search', '{"b": 40, "a": 2}'), result('call_1', '42')] }, state);
    expect(next.session).toEqual({ value: first.session.value, source: 'tool-call-id', confidence: 0.91 });
    expect(next.agent.value).not.toBe(first.agent.value);
  });

  it('joins by lineage where no tool was called, with content null, empty or absent alike', () => {
    const state = new IdentityState();
    const first = converse(state, { messages }, { text: 'Monday: rest.', toolCalls: [] });
    const history = [...messages, { role: 'assistant', content: [{ type: 'text', text: 'Monday: rest. ' }] }, user('And Tuesday?')];
    expect(resolve({}, { messages: history }, state).session).toEqual({ value: first.session.value, source: 'lineage', confidence: 0.9 });
  });

  it('tells parallel samples of one prompt apart', () => {
    const state = new IdentityState();
    const first = converse(state, { messages }, { text: 'A', toolCalls: [] });
    const second = converse(state, { messages }, { text: 'B', toolCalls: [] });
    expect(second.session.value).not.toBe(first.session.value);
    const goOn = (text: string): Identity => resolve({}, { messages: [...messages, { role: 'assistant', content: text }, user('more')] }, state);
    expect(goOn('A').session.value).toBe(first.session.value);
    expect(goOn('B').session.value).toBe(second.session.value);
  });

  it('keeps a retry in its session', () => {
    const state = new IdentityState();
    const first = converse(state, { messages }, { text: 'A', toolCalls: [] });
    expect(resolve({ 'x-stainless-retry-count': '1' }, { messages }, state).session.value).toBe(first.session.value);
  });

  it('does not join by ids that two sessions share', () => {
    const state = new IdentityState();
    const call = { id: 'call_0', name: 'list', arguments: '{}' };
    const a = converse(state, { messages }, { text: '', toolCalls: [call] }, { 'x-session-id': 'a' });
    converse(state, { messages }, { text: '', toolCalls: [call] }, { 'x-session-id': 'b' });
    const next = resolve({}, { messages: [...messages, called('call_0', 'list', '{}'), result('call_0', 'x')] }, state);
    expect(next.session.source).toBe('opener');
    expect(a.session.value).toBe('a');
  });

  it('lets the conversation outrank a cache key but not an explicit session', () => {
    const state = new IdentityState();
    converse(state, { messages }, { text: 'A', toolCalls: [] }, { 'x-session-id': 'real' });
    const history = [...messages, { role: 'assistant', content: 'A' }, user('more')];
    const byCacheKey = resolve({}, { messages: history, prompt_cache_key: 'shared' }, state);
    expect(byCacheKey.session).toMatchObject({ value: 'real', source: 'lineage' });
    expect(byCacheKey.conflicts).toContainEqual(expect.objectContaining({ field: 'session', value: 'shared' }));
    const forked = resolve({ 'x-session-id': 'fork' }, { messages: history }, state);
    expect(forked.session.value).toBe('fork');
    expect(forked.conflicts).toContainEqual({ field: 'session', value: 'real', source: 'lineage', confidence: 0.9 });
  });

  it('puts a sub-agent whose conversation opens with a tool argument into its parent\'s session', () => {
    const state = new IdentityState();
    const parent = converse(state, { messages }, { text: '', toolCalls: [{ id: 'call_9', name: 'agent-researcher', arguments: JSON.stringify({ prompt: 'Find out when the shop opens on Sundays' }) }] });
    const child = resolve({}, { messages: [system('You are the researcher.'), user('Find out when the shop opens on Sundays')] }, state);
    expect(child).toMatchObject({ session: { value: parent.session.value, source: 'spawn' }, parent: { value: parent.instance.value, source: 'spawn' } });
  });

  it('gives a role the same name in every session, whatever the volatile parts of its prompt', () => {
    const prompt = (day: string, path: string, id: string): unknown => ({
      messages: [system(`You are the coder. Today is ${day}. Working directory: ${path}. Run ${id}. Budget ${id.length} tokens.`), user(id)],
      tools: [tool('read'), tool('write')],
    });
    const first = resolve({}, prompt('2026-11-21', '/home/ann/shop', '0f8fad5b-d9cb-469f-a165-70867728950e'));
    const second = resolve({}, { ...(prompt('Monday, November 23, 2026', '/srv/other/place/', '12345') as object), tools: [tool('write'), tool('read')] });
    expect(first.agent.value).toMatch(/^agent-[0-9a-f]{8}$/);
    expect(resolve({}, prompt('2026-11-22', '/srv/x/y', '0f8fad5b-d9cb-469f-a165-70867728950f')).agent).toEqual(first.agent);
    expect(first.label).toBe('coder');
    expect(second.agent.value).not.toBe('');
    expect(resolve({}, { messages: [system('You are the tester. Today is 2026-11-21.')], tools: [tool('read')] }).agent.value).not.toBe(first.agent.value);
  });

  it('knows an agent again when it reflects without its tools', () => {
    const state = new IdentityState();
    const first = converse(state, { messages, tools: [tool('search')] }, { text: 'A', toolCalls: [] });
    expect(resolve({}, { messages: [...messages, { role: 'assistant', content: 'A' }, user('x')] }, state).agent.value).toBe(first.agent.value);
  });

  it('stays within its bounds', () => {
    const state = new IdentityState({ sessions: 4, openers: 4, ambiguous: 4 });
    for (let index = 0; index < 50; index++) {
      for (let turn = 0; turn < 5; turn++) {
        converse(state, { messages: [user(`m${index}`), ...Array.from({ length: turn }, () => ({ role: 'assistant', content: 'x' }))], tools: [tool('t')] }, { text: `x${turn}`, toolCalls: [{ id: `call_${index}_${turn}`, name: 't', arguments: `{"a":"${'long text '.repeat(4)}${index}"}` }] });
      }
    }
    expect(state.size.sessions).toBeLessThanOrEqual(4);
    expect(state.size.keys).toBeLessThanOrEqual(4 * 38);
  });
});
