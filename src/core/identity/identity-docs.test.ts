import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CLIENT_EXAMPLES } from './clients.examples.ts';
import { CLIENT_ROWS } from './clients.ts';
import { OWN_ROW, VENDOR_ROWS, type VendorRow } from './vendors.ts';

const FILE = new URL('../../../docs/identity.md', import.meta.url);

const places = (list: readonly string[] | undefined): string => (list === undefined ? '' : list.map((place) => `\`${place}\``).join(', '));

function familyLine(row: VendorRow): string {
  const more = Object.entries({ kind: row.kind, task: row.task, final: row.final }).filter(([, list]) => list !== undefined).map(([name, list]) => `${name}: ${places(list)}`);
  return `| ${row.vendor} | ${row.confidence} | ${places(row.session)} | ${places(row.agent)} | ${places(row.instance)} | ${places(row.parent)} | ${more.join('; ')} |`;
}

const FAMILIES = ['| family | confidence | session | agent | instance | parent | more |', '|---|---|---|---|---|---|---|', ...[OWN_ROW, ...VENDOR_ROWS.toSorted((a, b) => b.confidence - a.confidence)].map(familyLine)].join('\n');
const CLIENTS = ['| client | told by | session comes from | to raise it |', '|---|---|---|---|', ...CLIENT_ROWS.map(({ client, when, userAgent, mend }) =>
  `| ${client} | ${[places(when), userAgent === undefined ? 'what its requests look like' : 'user agent'].filter((part) => part !== '').join(', ')} | ${CLIENT_EXAMPLES[client].session} | ${mend} |`)].join('\n');

function withTable(text: string, name: string, table: string): string {
  const begin = text.indexOf('-->', text.indexOf(`<!-- ${name}:`)) + 3;
  return `${text.slice(0, begin)}\n${table}\n${text.slice(text.indexOf(`<!-- /${name} -->`))}`;
}

it('docs/identity.md lists the families and clients that the code knows', () => {
  const text = readFileSync(FILE, 'utf8');
  const wanted = withTable(withTable(text, 'clients', CLIENTS), 'families', FAMILIES);
  if (process.env.UPDATE_DOCS === '1') writeFileSync(FILE, wanted);
  else expect(text).toBe(wanted);
});
