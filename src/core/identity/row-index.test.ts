import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testHashing } from '../../../test/support/hash.ts';
import { OutlineReader } from './outline/outline-reader.ts';
import { needOf, readPlace } from './readers.ts';
import { RowIndex } from './row-index.ts';
import { VENDOR_ROWS } from './vendors.ts';

const index = new RowIndex(VENDOR_ROWS);
const places = VENDOR_ROWS.flatMap((row) => row.when ?? row.session ?? []);
const headerNames = [...new Set(places.map((place) => needOf(place)?.header).filter((name) => name !== undefined)), 'x-acme-session-id', 'x-acme-parent-session-id', 'user-agent'];
const paths = places.filter((place) => /^body(?:-json)?:/.test(place)).map((place) => place.slice(place.indexOf(':') + 1).split('>')[0].split('.'));
const nested = (steps: readonly string[]): unknown => (steps.length === 0 ? 'an-id' : { [steps[0]]: nested(steps.slice(1)) });

describe('the index of vendor rows', () => {
  it('leaves out no row that holds', () => {
    const headers = fc.dictionary(fc.constantFrom(...headerNames), fc.constantFrom('id', '{"session_id":"a","thread_id":"b"}', '/a/b', '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01', 'session.id=1,gen_ai.conversation.id=2'));
    const bodies = fc.array(fc.oneof(fc.constantFrom(...paths).map((path) => nested(path) as object), fc.constant({ metadata: { user_id: '{"session_id":"one"}' } })), { maxLength: 4 }).map((parts): object => Object.assign({ messages: [] }, ...parts) as object);
    let held = 0;
    fc.assert(fc.property(headers, bodies, (sent, body) => {
      const call = { headers: new Map(Object.entries(sent)), outline: new OutlineReader(testHashing).read(Buffer.from(JSON.stringify(body))) };
      const rows = VENDOR_ROWS.filter((row) => (row.when ?? row.session ?? []).some((place) => readPlace(call, place) !== undefined));
      held += rows.length;
      const found = index.mayHold(call);
      expect(found).toEqual(VENDOR_ROWS.filter((row) => found.includes(row)));
      for (const row of rows) expect(found).toContain(row);
    }));
    expect(held).toBeGreaterThan(100);
  });
});
