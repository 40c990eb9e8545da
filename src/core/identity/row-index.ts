/** Which rows of the vendor table a call may fill, told by its headers' names and its body's members: of dozens two or three. */
import { needOf, type Readable } from './readers.ts';
import type { VendorRow } from './vendors.ts';

export class RowIndex {
  private readonly rows: readonly VendorRow[];
  private readonly byHeader = new Map<string, number[]>();
  private readonly byMember = new Map<string, number[]>();
  private readonly byEnding: { readonly ending: string; readonly row: number }[] = [];
  /** May hold for any call. */
  private readonly always: number[] = [];

  constructor(rows: readonly VendorRow[]) {
    this.rows = rows;
    rows.forEach((row, index) => {
      for (const place of row.when ?? row.session ?? []) this.add(place, index);
    });
  }

  private add(place: string, row: number): void {
    const need = needOf(place);
    if (need?.header !== undefined) append(this.byHeader, need.header, row);
    else if (need?.member !== undefined) append(this.byMember, need.member, row);
    else if (need?.ending !== undefined) this.byEnding.push({ ending: need.ending, row });
    else this.always.push(row);
  }

  /** In the table's order. */
  mayHold({ headers, outline }: Readable): VendorRow[] {
    const found = new Set(this.always);
    for (const name of headers.keys()) {
      for (const row of this.byHeader.get(name) ?? []) found.add(row);
      for (const { ending, row } of this.byEnding) if (name.endsWith(ending)) found.add(row);
    }
    for (const { name } of outline?.facts.members ?? []) for (const row of this.byMember.get(name) ?? []) found.add(row);
    return [...found].sort((one, other) => one - other).map((index) => this.rows[index]);
  }
}

function append(into: Map<string, number[]>, key: string, row: number): void {
  const rows = into.get(key);
  if (rows === undefined) into.set(key, [row]);
  else rows.push(row);
}
