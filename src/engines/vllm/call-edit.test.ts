import { describe, expect, it } from 'vitest';
import { checkUnread, editBody, editHeaders } from './call-edit.ts';

const edited = (body: string, tag: string | undefined, shared: boolean): string => editBody(Buffer.from(body), JSON.parse(body) as Record<string, unknown>, tag, shared).toString();

describe('what a call carries to vLLM', () => {
  it('is a tag beside what the client sent, every other byte as it came', () => {
    expect(edited('{ "seed":12345678901234567890, "prompt":"x" }', 'r1', true)).toBe('{ "seed":12345678901234567890, "prompt":"x" ,"vllm_xargs":{"entresol_tag":"r1"}}');
    expect(edited('{"prompt":"x"}', undefined, true)).toBe('{"prompt":"x"}');
  });

  it('is never what only we may say of the cache', () => {
    expect(JSON.parse(edited('{"vllm_xargs":{"entresol_lease":[1,2],"theirs":"y"}}', 'r1', false))).toEqual({ vllm_xargs: { theirs: 'y', entresol_tag: 'r1' } });
    expect(JSON.parse(edited('{"vllm_xargs":{"entresol_tag":"mine"}}', undefined, false))).toEqual({ vllm_xargs: {} });
  });

  it('changes nothing else of what stands beside it: numbers, order and space are the client\'s', () => {
    expect(edited('{"vllm_xargs":{ "big":12345678901234567890, "entresol_lease":[1,2] , "f":1.0 },"prompt":"x"}', 'r1', false)).toBe('{"vllm_xargs":{ "big":12345678901234567890, "f":1.0 ,"entresol_tag":"r1"},"prompt":"x"}');
    expect(edited('{"vllm_xargs":{"f":1e0,"entresol_lease":[1,2],"entresol\\u005ftag":"x"}}', undefined, false)).toBe('{"vllm_xargs":{"f":1e0}}');
    // Whichever of two a parser goes by.
    expect(edited('{"vllm_xargs":{"entresol_tokens":1},"vllm_xargs":{"a":1}}', undefined, false)).toBe('{"vllm_xargs":{},"vllm_xargs":{"a":1}}');
  });

  it('names no blocks for connectors to load where others share the server', () => {
    expect(edited('{"kv_transfer_params":{"remote_block_ids":[1]},"prompt":"x"}', undefined, true)).toBe('{"kv_transfer_params":null,"prompt":"x"}');
    expect(edited('{"kv_transfer_params":{"a":1}}', undefined, false)).toBe('{"kv_transfer_params":{"a":1}}');
  });

  it('says nothing of the rank: each has a cache of its own, and a client does not choose', () => {
    expect(editHeaders(['accept', '*/*', 'X-Data-Parallel-Rank', '1'], false)).toEqual(['accept', '*/*']);
    expect(editHeaders(['accept', '*/*'], true)).toBeUndefined();
  });

  it('puts no tenant before another, and leaves one alone its own priorities', () => {
    expect(edited('{"priority":-1000,"prompt":"x"}', undefined, true)).toBe('{"priority":0,"prompt":"x"}');
    expect(edited('{"priority":-1000,"prompt":"x"}', undefined, false)).toBe('{"priority":-1000,"prompt":"x"}');
    expect(editHeaders(['X-Vllm-Priority', '-1000', 'accept', '*/*'], true)).toEqual(['accept', '*/*']);
    expect(editHeaders(['X-Vllm-Priority', '-1000'], false)).toBeUndefined();
  });
});

describe('a body of a path that is not read', () => {
  const refused = (body: string | Buffer, type = 'application/json'): boolean => {
    try {
      checkUnread(Buffer.from(body), ['Content-Type', type]);
      return false;
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENT_BAD_REQUEST' });
      return true;
    }
  };
  const form = (name: string): string => `--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n{"a":1}\r\n--b--\r\n`;

  it('may not say what is ours to say, wherever and however it says it', () => {
    expect(refused('{"sampling_params":{"extra_args":{"entresol_lease":[1,2]}}}')).toBe(true);
    expect(refused('{"a":[{"entresol\\u005flease":[1,2]}]}')).toBe(true);
    expect(refused('{"entresol_tag":NaN}')).toBe(true);
    expect(refused(Buffer.from('{"entresol_lease":[1,2]}', 'utf16le'))).toBe(true);
    expect(refused(form('vllm_xargs'), 'multipart/form-data; boundary=b')).toBe(true);
    expect(refused('model=m&vllm%5Fxargs=%7B%7D', 'application/x-www-form-urlencoded')).toBe(true);
  });

  it('passes otherwise', () => {
    for (const body of ['{"prompt":"of entresol and \\u00e9"}', '{"prompt":"entresol_lease"}', 'no JSON', '[1]', '7']) expect(refused(body)).toBe(false);
    expect(refused(form('file'), 'multipart/form-data; boundary=b')).toBe(false);
  });
});
