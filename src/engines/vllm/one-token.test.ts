import { expect, it } from 'vitest';
import { oneToken } from './one-token.ts';

it('asks no answer of the responses dialect to be kept, and goes on from what the call went on from', () => {
  const body = Buffer.from('{"model":"m","input":"hello","previous_response_id":"r1","store":true,"background":true,"max_output_tokens":50,"stream":true}');
  expect(JSON.parse(String(oneToken({ dialect: 'responses', path: '/v1/responses', body, promptTokens: 3 }, false)))).toEqual({
    model: 'm', input: 'hello', previous_response_id: 'r1', store: false, background: false, max_output_tokens: 1, stream: false,
  });
});
