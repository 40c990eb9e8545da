import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testHashing } from '../../../../test/support/hash.ts';
import { formatted, type JsonStyle } from '../../../../test/support/json-style.ts';
import { Outline } from './outline.ts';
import { OutlineReader } from './outline-reader.ts';

const SMALL = { checkpoints: 64, gridBytes: 64 };
const reader = (limits = SMALL): OutlineReader => new OutlineReader(testHashing, limits);
const read = (text: string): Outline => reader().read(Buffer.from(text));

/** All that an outline says, but for how it was read. */
function facts(outline: Outline): unknown {
  return { ...outline.facts, firstText: outline.firstText, toolCalls: outline.facts.callIds.map((_, index) => outline.toolCall(index)), model: outline.model };
}

const styles: fc.Arbitrary<JsonStyle> = fc.record({ indent: fc.nat({ max: 3 }), spaceBefore: fc.boolean(), escape: fc.constantFrom('none', 'ascii', 'slashes'), newline: fc.constantFrom('\n', '\r\n') });
const words = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 80 }), fc.constantFrom('{"a":"]}"}', '\\"', '[{', '\u0000\u001f', '\u2028 ü 🌍', '\ud800', 'x'.repeat(90), ''));
const parts = fc.oneof(words, fc.constant(null), fc.array(fc.oneof(
  fc.record({ type: fc.constantFrom('text', 'input_text', 'output_text'), text: words, cache_control: fc.constantFrom(undefined, { type: 'ephemeral' }) }),
  fc.record({ type: fc.constant('tool_result'), tool_use_id: words, content: fc.oneof(words, fc.array(fc.record({ type: fc.constant('text'), text: words }), { maxLength: 2 })) }),
  fc.record({ type: fc.constant('tool_use'), id: words, name: words, input: fc.jsonValue({ maxDepth: 2 }) }),
  fc.record({ type: fc.constant('image'), source: fc.jsonValue({ maxDepth: 2 }) }),
), { maxLength: 3 }));
const calls = fc.array(fc.record({ id: words, type: fc.constant('function'), function: fc.record({ name: words, arguments: fc.oneof(words, fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value))) }) }), { maxLength: 3 });
const message = fc.oneof(
  fc.record({ role: fc.constantFrom('user', 'assistant', 'assistant', 'tool', 'system', 'developer'), content: parts }),
  fc.record({ role: fc.constant('assistant'), content: fc.constantFrom(null, ''), tool_calls: calls }),
  fc.record({ content: parts, tool_call_id: words, role: fc.constant('tool') }),
  fc.record({ type: fc.constant('function_call'), call_id: words, name: words, arguments: words, id: words }),
  fc.record({ type: fc.constant('function_call_output'), call_id: words, output: words }),
  fc.record({ type: fc.constantFrom('reasoning', 'item_reference'), id: words, summary: fc.constant([]) }),
  fc.jsonValue({ maxDepth: 2 }),
);
const member = fc.oneof(
  fc.tuple(fc.constantFrom('messages', 'messages', 'input', 'prompt'), fc.oneof(fc.array(message, { maxLength: 14 }), words)),
  fc.tuple(fc.constantFrom('system', 'instructions'), parts),
  fc.tuple(fc.constantFrom('tools', 'functions'), fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.array(fc.oneof(fc.record({ type: fc.constant('function'), function: fc.record({ name: words, description: words }) }), fc.record({ name: words, input_schema: fc.jsonValue({ maxDepth: 2 }) })), { maxLength: 4 }))),
  fc.tuple(fc.constantFrom('model', 'stream', 'metadata', '__proto__', 'max_tokens'), fc.jsonValue({ maxDepth: 3 })),
);
/** Members in any order, doubled ones too. */
const members = fc.array(member, { maxLength: 7 });
type Members = readonly (readonly [string, unknown])[];

function conversationOf(all: Members): unknown[] | undefined {
  const found = all.findLast(([name, value]) => name === 'messages' && Array.isArray(value));
  return found?.[1] as unknown[] | undefined;
}

describe('the outline of a body', () => {
  it('is the same from the end of a body that began alike as from the start: any turn, any edit, any JSON style', () => {
    const edits = fc.record({ more: fc.array(message, { maxLength: 4 }), drop: fc.nat({ max: 3 }), change: fc.option(fc.nat({ max: 20 })), later: fc.array(member, { maxLength: 2 }) });
    let resumed = 0;
    fc.assert(fc.property(members, styles, fc.array(edits, { minLength: 1, maxLength: 5 }), (first, style, turns) => {
      const warm = reader();
      let all: Members = first;
      warm.read(Buffer.from(formatted(all, style)));
      for (const { more, drop, change, later } of turns) {
        const messages = conversationOf(all);
        const grown = messages?.slice(0, Math.max(0, messages.length - drop)) ?? [];
        if (change !== null && grown.length > 0) grown[change % grown.length] = { role: 'user', content: `changed ${change}` };
        all = [...all.map(([name, value]) => (value === messages && messages !== undefined ? [name, [...grown, ...more]] as const : [name, value] as const)), ...later];
        const bytes = Buffer.from(formatted(all, style));
        const again = warm.read(bytes);
        if (again.readFrom > 0) resumed += 1;
        expect(facts(again)).toEqual(facts(reader().read(bytes)));
      }
    }), { numRuns: 400 });
    expect(resumed).toBeGreaterThan(20);
  });

  it('is the same whatever byte of a known body changes', () => {
    const body = (text: string): Buffer => Buffer.from(JSON.stringify({ model: 'm', messages: Array.from({ length: 30 }, (_, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content: `${text} ${index}` })), tools: [] }));
    const known = body('some words');
    fc.assert(fc.property(fc.nat({ max: known.length - 1 }), fc.constantFrom('x', ' ', '0'), (at, letter) => {
      const warm = reader();
      warm.read(known);
      const edited = Buffer.from(known);
      edited.write(letter, at, 'latin1');
      const outcome = (with_: OutlineReader): unknown => {
        try {
          return facts(with_.read(edited));
        } catch (error) {
          return String(error);
        }
      };
      expect(outcome(warm)).toEqual(outcome(reader()));
    }));
  });

  it('says what JSON.parse says, for any JSON style', () => {
    fc.assert(fc.property(members, styles, (all, style) => {
      const text = formatted(all, style);
      const parsed = JSON.parse(text) as Record<string, unknown>;
      const outline = read(text);
      expect(new Set(outline.facts.members.map(({ name }) => name))).toEqual(new Set(Object.keys(parsed).concat(all.some(([name]) => name === '__proto__') ? ['__proto__'] : [])));
      for (const name of Object.keys(parsed)) expect(outline.value(name)).toEqual(parsed[name]);
      const kind = ['messages', 'input', 'prompt'].find((name) => Object.hasOwn(parsed, name));
      expect(outline.facts.kind).toBe(kind);
      const given = kind === undefined ? undefined : parsed[kind];
      if (Array.isArray(given) && kind !== 'prompt') expect(outline.facts.conversation.messages).toBe(given.length);
    }));
  });

  it('does not depend on the JSON style', () => {
    const plain = fc.record({ role: fc.constantFrom('assistant'), content: words, tool_calls: calls });
    fc.assert(fc.property(fc.array(plain, { minLength: 1, maxLength: 5 }), styles, styles, (messages, one, other) => {
      const chain = (style: JsonStyle): bigint => read(formatted([['messages', messages]], style)).chain;
      expect(chain(one)).toBe(chain(other));
    }));
  });

  it('walks only what is new of a long conversation', () => {
    const known = new OutlineReader(testHashing);
    const turn = (count: number, marked: boolean): Buffer => Buffer.from(JSON.stringify({
      model: 'm',
      messages: Array.from({ length: count }, (_, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content: [{ type: 'text', text: `${index} `.repeat(500), ...(marked && index > count - 3 ? { cache_control: { type: 'ephemeral' } } : {}) }] })),
      tools: [{ name: 'read', input_schema: {} }],
    }));
    known.read(turn(200, true));
    const next = turn(202, true);
    expect(next.length).toBeGreaterThan(300_000);
    expect(known.read(next).readFrom).toBeGreaterThan(next.length - 40_000);
  });

  it.each(['', '{', '[1,2]', 'null', '7', '{"a":1}x', '{"a" 1}', '{"a":1,}', '{,}', '{"messages":[}', '{"messages":[{"role":"user"]}', '{"a":tru}', '{"a":01}', '{"messages":[1 2]}', '{"a":"x', '{"a":[{]}}', '{"tools":[{"name":}]}', '{"messages":[{"role":"user","content":"x"}],"tools":[1,]}'])('refuses %s as JSON does', (text) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: 'ENT_BAD_JSON' }));
  });

  it('refuses a nest that would end the stack of whoever walks it', () => {
    expect(() => read(`{"a":${'['.repeat(200_000)}`)).toThrow(expect.objectContaining({ code: 'ENT_BAD_REQUEST' }));
  });

  it('refuses more messages, parts and members than any real body has: each leaves something in memory until it is read', () => {
    for (const body of [`{"messages":[${'{},'.repeat(140_000)}{}]}`, `{"tools":[${'1,'.repeat(140_000)}1]}`, `{"system":[${'"a",'.repeat(140_000)}"a"]}`, `{${Array.from({ length: 1100 }, (_, index) => `"m${index}":1`).join(',')}}`]) {
      expect(() => new OutlineReader(testHashing).read(Buffer.from(body))).toThrow(/has more than \d+ (?:messages, parts and )?members/);
    }
  });

  it('keeps of a list of tools no more than any API takes', () => {
    const { tools } = new OutlineReader(testHashing).read(Buffer.from(JSON.stringify({ tools: [...Array.from({ length: 2000 }, (_, index) => ({ name: `tool-${index}` })), { name: 'last' }] }))).facts;
    expect(tools.names).toHaveLength(1024);
    expect(new OutlineReader(testHashing).read(Buffer.from(JSON.stringify({ tools: [{ name: 'x'.repeat(10_000) }, { name: 'short' }] }))).facts.tools.names).toEqual(['short']);
  });

  it('keeps few checkpoints of a session and forgets the sessions that came first', () => {
    const known = reader({ checkpoints: 10, gridBytes: 64 });
    for (let session = 0; session < 30; session++) {
      for (let turn = 1; turn < 12; turn++) {
        known.read(Buffer.from(JSON.stringify({ messages: Array.from({ length: turn }, (_, index) => ({ role: 'user', content: `${session} says ${index}`.repeat(4) })) })));
        expect(known.checkpoints.size).toBeLessThanOrEqual(Math.min(10, 4 * (session + 1)));
      }
    }
  });

  it('names the first message that is none', () => {
    expect(read('{"messages":[{"role":"user"},7]}').flaw).toEqual({ message: 1, what: 'no object' });
    expect(read('{"messages":[{"content":"x"}]}').flaw).toEqual({ message: 0, what: 'no role' });
    expect(read('{"input":["x"]}').flaw).toBeUndefined();
  });
});
