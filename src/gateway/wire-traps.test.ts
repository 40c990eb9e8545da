import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const ROW = /^\| (.+) \| `(\S+\.test\.ts)` \| (.+) \|$/gmu;

it('every trap of docs/wire-traps.md has the test that it names', () => {
  const page = readFileSync(new URL('docs/wire-traps.md', ROOT), 'utf8');
  const rows = [...page.matchAll(ROW)].map(([, trap, file, test]) => ({ trap, file, test }));
  expect(rows.length).toBeGreaterThan(30);
  // A row that is written otherwise would name no test; the table's head takes two lines.
  expect(page.split('\n').filter((line) => /^\s*\|/u.test(line))).toHaveLength(rows.length + 2);
  expect(rows.filter(({ file, test }) => !existsSync(new URL(file, ROOT)) || !readFileSync(new URL(file, ROOT), 'utf8').includes(test))).toEqual([]);
});
