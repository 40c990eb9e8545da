import { describe, expect, it } from 'vitest';
import { editBody } from './call-edit.ts';

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

  it('puts no tenant before another, and leaves one alone its own priorities', () => {
    expect(edited('{"priority":-1000,"prompt":"x"}', undefined, true)).toBe('{"priority":0,"prompt":"x"}');
    expect(edited('{"priority":-1000,"prompt":"x"}', undefined, false)).toBe('{"priority":-1000,"prompt":"x"}');
  });
});
