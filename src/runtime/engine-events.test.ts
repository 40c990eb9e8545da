import { expect, it } from 'vitest';
import { definePolicy, replicaId } from '../core/index.ts';
import { bench, request } from './runtime.fixture.ts';

it('a policy that is made later hears how engines stand now', () => {
  const heard: string[] = [];
  const definition = definePolicy({ name: 'late', summary: '', create: () => ({ observe: (event) => { if ('replica' in event) heard.push(`${event.type} ${event.replica}`); } }) });
  const { runtime } = bench({ policies: [{ definition }] });
  const up = (replica: string): void => runtime.observe({ type: 'engine-up', atMs: 1000, replica: replicaId(replica) });
  up('e1');
  up('e2');
  runtime.observe({ type: 'engine-down', atMs: 1000, replica: replicaId('e1'), code: 'ENT_ENGINE_CRASHED' });
  runtime.observe({ type: 'engine-load', atMs: 1000, replica: replicaId('e2'), runningRequests: 1, waitingRequests: 0, cacheUsedFraction: 0 });
  runtime.arrive(request('r1'));
  expect(heard).toEqual(['engine-up e2', 'engine-down e1', 'engine-load e2']);
  up('e1');
  expect(heard.at(-1)).toBe('engine-up e1');
});
