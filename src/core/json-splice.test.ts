import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addMembersIn, removeMembersIn, setMember } from './json-splice.ts';

const parsed = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;
const added = (text: string, members: Record<string, unknown>): string => addMembersIn(Buffer.from(text), parsed(text), 'x', members).toString();

describe('addMembersIn', () => {
  it('makes the object where there is none, and keeps what the client has set', () => {
    expect(added('{}', { a: 1 })).toBe('{"x":{"a":1}}');
    expect(added('{"b": 1 , "x":null}', { a: 'é"' })).toBe('{"b": 1 , "x":{"a":"é\\""}}');
    expect(added('{"x":{ "a" : 1e0 }}', { a: 2, b: 3 })).toBe('{"x":{ "a" : 1e0 ,"b":3}}');
    expect(added('{"x":{}}\n', { a: 2 })).toBe('{"x":{"a":2}}\n');
    expect(added('{"x":[1]}', { a: 2 })).toBe('{"x":[1]}');
    expect(added('{"x":{"a":1}}', { a: 2 })).toBe('{"x":{"a":1}}');
  });

  it('of any body gives JSON that differs by these members only', () => {
    // As a client may have written it: JSON knows no -0.
    const value = fc.jsonValue().map((each) => JSON.parse(JSON.stringify(each)) as unknown);
    const member = fc.dictionary(fc.constantFrom('a', 'b', 'c'), value, { noNullPrototype: true });
    fc.assert(fc.property(fc.dictionary(fc.string(), value, { noNullPrototype: true }), fc.option(member, { nil: undefined }), member, fc.constantFrom(undefined, 1, '\t'), (fields, there, members, indent) => {
      const text = JSON.stringify({ ...fields, ...(there === undefined ? {} : { x: there }) }, null, indent);
      const before = parsed(text);
      const own = there ?? (Object.hasOwn(before, 'x') ? before.x : undefined) ?? {};
      const object = typeof own === 'object' && !Array.isArray(own);
      expect(parsed(added(text, members))).toEqual(object && Object.keys(members).length > 0 ? { ...before, x: { ...members, ...own } } : before);
    }));
  });
});

describe('setMember', () => {
  it('replaces every duplicate, or adds', () => {
    expect(setMember(Buffer.from('{"a":1,"b":2, "a" :[3]}'), { a: [3], b: 2 }, 'a', '7').toString()).toBe('{"a":7,"b":2, "a" :7}');
    expect(setMember(Buffer.from(' {} '), {}, 'a', '7').toString()).toBe(' {"a":7} ');
  });
});

describe('removeMembersIn', () => {
  const removed = (text: string): string => removeMembersIn(Buffer.from(text), 'x', ['a', 'b']).toString();

  it('takes the members out with their commas, and leaves every other byte', () => {
    expect(removed('{"x":{"a":1}}')).toBe('{"x":{}}');
    expect(removed('{"x":{ "a":1 , "c" : 1.0 }}')).toBe('{"x":{ "c" : 1.0 }}');
    expect(removed('{"x":{"c":1, "a":[{"b":2}] , "b":3},"a":4}')).toBe('{"x":{"c":1 },"a":4}');
    expect(removed('{"x":{"a":1,"\\u0061":2},"x":{"b":1,"c":2}}')).toBe('{"x":{},"x":{"c":2}}');
    expect(removed('{"x":[{"a":1}]}')).toBe('{"x":[{"a":1}]}');
    expect(removed('{"y":{"a":1}}')).toBe('{"y":{"a":1}}');
  });

  it('of any body gives JSON that lacks these members only', () => {
    const member = fc.dictionary(fc.oneof(fc.constantFrom('a', 'b', 'c', 'd'), fc.string()), fc.jsonValue(), { noNullPrototype: true });
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }), member, fc.constantFrom(undefined, 1, '\t'), (fields, there, indent) => {
      const text = JSON.stringify({ ...fields, x: there }, null, indent);
      const before = parsed(text);
      const { a: _a, b: _b, ...kept } = before.x as Record<string, unknown>;
      expect(parsed(removed(text))).toEqual({ ...before, x: kept });
    }));
  });
});
