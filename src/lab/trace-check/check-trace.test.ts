import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkTrace } from './check-trace.ts';

const folder = mkdtempSync(join(tmpdir(), 'entresol-check-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const line = (session: string, step: number, more: object = {}): string => JSON.stringify({
  workload: 'w', session, step, agent: 'a', t_ms: step * 1000, dur_ms: null, prompt_tokens: 4 * (step + 1), output_tokens: 2,
  base: step === 0 ? null : [step - 1, step], segments: [[`${session}${step}`, 4]], out: [['o', 2]], tools: [], ...more,
});
async function check(...lines: string[]) {
  const path = join(folder, 'trace.jsonl');
  writeFileSync(path, lines.join('\n'));
  return checkTrace(path);
}

describe('checkTrace', () => {
  it('finds nothing in a good trace', async () => {
    expect(await check(line('x', 0), line('x', 1), line('y', 0))).toMatchObject({ lines: 3, sessions: 2, calls: 3, faults: [], moreFaults: 0, warnings: [] });
  });

  it('goes on after a fault with the next session, for the rest of its own cannot be judged', async () => {
    const report = await check(line('x', 0), line('x', 1, { prompt_tokens: 9 }), line('x', 2), line('y', 0, { tools: [{}] }), '{', line('z', 0), line('x', 0));
    expect(report.faults.map(({ line: number, message }) => [number, message.split(',')[0]])).toEqual([
      [2, 'field prompt_tokens: expected 8'], [4, 'field tools[0].name: expected a non-empty string'], [5, expect.stringContaining('expected one JSON object')], [7, 'field session: expected sessions one after another'],
    ]);
    expect(report.calls).toBe(2);
  });

  it('bounds what it lists', async () => {
    const report = await check(...Array.from({ length: 150 }, (_, index) => line(`s${index}`, 3)));
    expect([report.faults.length, report.moreFaults]).toEqual([100, 50]);
  });

  it('tells what is allowed and looks wrong', async () => {
    const report = await check(line('x', 0, { t_ms: 5000 }), line('x', 1), line('y', 0), line('y', 1, { t_ms: null, out: [] }));
    expect(report.faults).toEqual([]);
    expect(report.warnings).toEqual([
      { what: 't_ms goes back: its gap counts as the shortest', count: 1, firstLine: 2 },
      { what: 't_ms is there for some calls of a session only', count: 1, firstLine: 4 },
      { what: 'output_tokens without out: its answer fills no blocks', count: 1, firstLine: 4 },
    ]);
  });

  it('an empty file, and one that is cut off, are faults', async () => {
    expect((await check('')).faults).toMatchObject([{ line: 1, message: expect.stringContaining('expected at least one call') as string }]);
    const path = join(folder, 'cut.jsonl.gz');
    writeFileSync(path, Buffer.from('1f8b0800', 'hex'));
    expect((await checkTrace(path)).faults).toMatchObject([{ message: expect.stringContaining('expected gzip') as string }]);
  });
});
