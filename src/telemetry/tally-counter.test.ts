import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { TallyCounter } from './tally-counter.ts';

it('shows the same as a counter of the library', async () => {
  const registry = new Registry();
  const calls = new TallyCounter('calls_total', 'Calls.', ['field', 'source'], registry);
  const plain = new TallyCounter('plain_total', 'Plain.', [], registry);
  calls.inc('session', 'header:x');
  calls.inc('session', 'header:x');
  calls.add(2.5, 'agent', 'a"b\\c');
  plain.inc();
  for (let scrape = 0; scrape < 2; scrape++) {
    const text = await registry.metrics();
    expect(text).toContain('calls_total{field="session",source="header:x"} 2\n');
    expect(text).toContain('calls_total{field="agent",source="a\\"b\\\\c"} 2.5\n');
    expect(text).toMatch(/^plain_total 1$/m);
  }
});
