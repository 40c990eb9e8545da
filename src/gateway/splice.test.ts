import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { askForUsage } from './splice.ts';

/** Keys of an object's bytes at its first level, as written, with repeats: JSON.parse would hide them. */
function topKeys(text: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  const token = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g;
  for (const match of text.matchAll(token)) {
    if (match[0] === '{' || match[0] === '[') depth += 1;
    else if (match[0] === '}' || match[0] === ']') depth -= 1;
    else if (depth === 1 && match[1] !== undefined) keys.push(JSON.parse(match[0].slice(0, match[0].length - match[1].length)) as string);
  }
  return keys;
}

const splice = (text: string): { text: string; removeUsageChunk: boolean } => {
  const spliced = askForUsage(Buffer.from(text), JSON.parse(text) as Record<string, unknown>);
  return { text: spliced.body.toString(), removeUsageChunk: spliced.removeUsageChunk };
};

describe('askForUsage', () => {
  it('changes nothing else, makes no duplicate key, and is idempotent', () => {
    const options = fc.oneof(fc.constant(undefined), fc.constant(null), fc.record({ include_usage: fc.boolean(), other: fc.jsonValue() }, { requiredKeys: [] }));
    const body = fc.tuple(fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }), options, fc.constantFrom(undefined, 1, '\t')).map(([fields, streamOptions, indent]) =>
      JSON.stringify({ ...fields, ...(streamOptions === undefined ? {} : { stream_options: streamOptions }), stream: true }, null, indent) + (indent === undefined ? '' : '\r\n '));
    fc.assert(fc.property(body, (text) => {
      const before = JSON.parse(text) as Record<string, unknown>;
      const { text: after, removeUsageChunk } = splice(text);
      const expected = { ...before, stream_options: { ...(before.stream_options as object | null), include_usage: true } };
      expect(JSON.parse(after)).toEqual(expected);
      expect(new Set(topKeys(after)).size).toBe(topKeys(after).length);
      const asked = (before.stream_options as { include_usage?: boolean } | null | undefined)?.include_usage === true;
      expect(removeUsageChunk).toBe(!asked);
      expect(splice(after)).toEqual({ text: after, removeUsageChunk: false });
    }));
  });

  it('keeps what a parser would lose', () => {
    const odd = '{"a":1.0,"a":-0.0,"n":12345678901234567890,"s":"\\ud800","stream":true }';
    expect(splice(odd).text).toBe('{"a":1.0,"a":-0.0,"n":12345678901234567890,"s":"\\ud800","stream":true ,"stream_options":{"include_usage":true}}');
  });

  it('finds an escaped spelling, and the last of duplicate keys', () => {
    expect(splice('{"stream\\u005foptions":{"include_usage":false}}').text).toBe('{"stream\\u005foptions":{"include_usage":true}}');
    expect(splice('{"stream_options":{"include_usage":true},"stream_options":{}}').text).toBe('{"stream_options":{"include_usage":true},"stream_options":{"include_usage":true}}');
  });

  it('is not misled by the same words deeper down or inside strings', () => {
    const text = '{"messages":[{"content":"\\"stream_options\\":{\\"include_usage\\":true}}","stream_options":{"include_usage":true}}],"stream":true}';
    expect(splice(text).text).toBe(`${text.slice(0, -1)},"stream_options":{"include_usage":true}}`);
  });

  it('leaves a value of the wrong type to the upstream to refuse', () => {
    expect(splice('{"stream_options":7,"stream":true}')).toEqual({ text: '{"stream_options":7,"stream":true}', removeUsageChunk: false });
  });
});
