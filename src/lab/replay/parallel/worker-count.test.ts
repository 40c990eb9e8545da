import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { workerCount } from './worker-count.ts';

const folder = mkdtempSync(join(tmpdir(), 'entresol-workers-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const trace = (name: string, bytes: number): { path: string; blockTokens: number } => {
  const path = join(folder, name);
  writeFileSync(path, '');
  truncateSync(path, bytes);
  return { path, blockTokens: 16 };
};
const small = trace('small.jsonl.gz', 1000);
const large = trace('large.jsonl.gz', 5e6);

describe('workerCount', () => {
  it('is the number of cores where memory allows', () => {
    expect(workerCount([small], { cores: 8, freeBytes: 64e9 })).toBe(8);
  });
  it('is less where the largest trace would not fit in each, and never none', () => {
    const tight = { cores: 8, freeBytes: 8e9 };
    expect(workerCount([small], tight)).toBe(8);
    expect(workerCount([small, large], tight)).toBe(2);
    expect(workerCount([large], { cores: 8, freeBytes: 1e9 })).toBe(1);
  });
});
