import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { ERRORS } from '../core/index.ts';

const PATH = fileURLToPath(new URL('../../docs/http.md', import.meta.url));
const HEAD = '| code | status | mend |\n|---|---|---|\n';

/** The table of docs/http.md; `UPDATE_DOCS=1` writes it anew. */
it('the errors of docs/http.md are those of the code', () => {
  const text = readFileSync(PATH, 'utf8');
  const rows = Object.entries(ERRORS).map(([code, { status, mend }]) => `| \`${code}\` | ${status} | ${mend.replaceAll('|', '\\|')} |\n`).join('');
  const wanted = text.slice(0, text.indexOf(HEAD) + HEAD.length) + rows;
  if (process.env.UPDATE_DOCS === '1') writeFileSync(PATH, wanted);
  else expect(text, 'write it anew with UPDATE_DOCS=1').toBe(wanted);
});
