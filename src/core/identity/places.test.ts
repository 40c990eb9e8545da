/** Every place of the vendor table by itself: what its name says is what is read, with that place as the source. */
import { describe, expect, it } from 'vitest';
import { Caller } from '../../../test/support/identified.ts';
import { VENDOR_EXAMPLES } from './vendors.examples.ts';
import { OWN_ROW, VENDOR_ROWS, type VendorRow } from './vendors.ts';

const FIELDS = ['session', 'agent', 'instance', 'parent', 'kind', 'task'] as const;

interface Wire {
  readonly headers: Record<string, string>;
  readonly body: Record<string, unknown>;
}

const nested = (path: readonly string[], value: unknown): unknown => path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);

/** Objects are joined, for places of one row may share a header or a member. */
function joined(one: unknown, other: unknown): unknown {
  if (typeof one !== 'object' || one === null || typeof other !== 'object' || other === null) return other;
  const all: Record<string, unknown> = { ...one };
  for (const [name, value] of Object.entries(other)) all[name] = name in all ? joined(all[name], value) : value;
  return all;
}

/** Puts a value where a place says; false for the readers that the examples of their rows show. */
function put(wire: Wire, place: string, value: unknown): boolean {
  const [, reader, argument] = /^([\w-]+):(.*)$/.exec(place) ?? [];
  if (reader === 'header') wire.headers[argument] = String(value);
  else if (reader === 'body') {
    const [member, ...rest] = argument.split('.');
    wire.body[member] = joined(wire.body[member], nested(rest, value));
  } else if (reader === 'header-json') {
    const [header, ...rest] = argument.split('.');
    wire.headers[header] = JSON.stringify(joined(JSON.parse(wire.headers[header] ?? '{}'), nested(rest, value)));
  } else if (reader === 'body-json') {
    const [path, inner] = argument.split('>');
    const [member, ...rest] = path.split('.');
    wire.body[member] = joined(wire.body[member], nested(rest, JSON.stringify(nested(inner.split('.'), value))));
  } else if (reader === 'baggage') wire.headers.baggage = [wire.headers.baggage, `${argument}=${String(value)}`].filter((text) => text !== undefined).join(',');
  else return false;
  return true;
}

interface Case {
  readonly vendor: string;
  readonly field: (typeof FIELDS)[number] | 'final';
  readonly place: string;
  readonly wire: Wire;
}

function* casesOf(row: VendorRow): Generator<Case> {
  for (const field of [...FIELDS, 'final'] as const) {
    for (const place of row[field] ?? []) {
      const wire: Wire = { headers: {}, body: {} };
      // A row holds by one of its places, and names a session where another field is asked for.
      const first = field === 'session' ? row.when?.find((other) => !(row.session ?? []).includes(other) && !place.startsWith(other)) : (row.session ?? [])[0];
      if (first !== undefined && first !== place) put(wire, first, first.startsWith('header:x-codex-turn') ? '{}' : 'held');
      if (put(wire, place, field === 'final' ? true : `value-of-${field}`)) yield { vendor: row.vendor, field, place, wire };
    }
  }
}

const CASES = [OWN_ROW, ...VENDOR_ROWS].flatMap((row) => [...casesOf(row)]);

describe('each place of the vendor table', () => {
  it.each(CASES)('$vendor: $field from $place', ({ field, place, wire }) => {
    const identity = new Caller().call(wire.body, undefined, wire.headers);
    if (field === 'final') expect(identity.final).toBe(true);
    else expect(identity[field]).toMatchObject({ value: `value-of-${field}`, source: place });
  });

  it('is shown by the example of its row where no test can be made from its name', () => {
    const readers = (row: VendorRow): readonly string[] => FIELDS.flatMap((field) => row[field] ?? []);
    const others = [OWN_ROW, ...VENDOR_ROWS].filter((row) => readers(row).some((place) => !put({ headers: {}, body: {} }, place, 'x'))).map((row) => row.vendor);
    expect(others.filter((vendor) => !Object.hasOwn(VENDOR_EXAMPLES, vendor))).toEqual([]);
    expect(CASES.length).toBeGreaterThan(70);
  });
});
