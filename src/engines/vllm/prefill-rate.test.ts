import { expect, it } from 'vitest';
import { PrefillRate } from './prefill-rate.ts';

it('says nothing before enough calls have told, follows an engine that becomes slower, and hears nothing of short prompts', () => {
  const rate = new PrefillRate();
  for (let call = 0; call < 7; call++) rate.learn(1000, 200);
  for (let call = 0; call < 50; call++) rate.learn(10, 1000);
  expect(rate.msPerToken).toBeUndefined();
  rate.learn(1000, 200);
  expect(rate.msPerToken).toBeCloseTo(0.2);
  for (let call = 0; call < 200; call++) rate.learn(500, 500);
  expect(rate.msPerToken).toBeCloseTo(1, 2);
  rate.learn(1000, Number.NaN);
  expect(rate.msPerToken).toBeCloseTo(1, 2);
});
