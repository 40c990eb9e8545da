import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const ROW = /^\| (.+) \| `(\S+\.test\.ts)` \| (.+) \|$/gmu;

it('every trap of docs/wire-traps.md has the test that it names', () => {
  const rows = [...readFileSync(new URL('docs/wire-traps.md', ROOT), 'utf8').matchAll(ROW)].map(([, trap, file, test]) => ({ trap, file, test }));
  expect(rows.length).toBeGreaterThan(30);
  expect(rows.filter(({ file, test }) => !existsSync(new URL(file, ROOT)) || !readFileSync(new URL(file, ROOT), 'utf8').includes(test))).toEqual([]);
});
