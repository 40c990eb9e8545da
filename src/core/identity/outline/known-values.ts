/**
 * Long values that come again byte for byte in the bodies of many sessions (tools, above all): told by their first
 * bytes, proved by the hash of all of them, and then neither walked nor read again.
 */
import { BoundedMap } from '../../bounded-map.ts';
import type { Hashing } from '../hashing.ts';

const HEAD_BYTES = 96;
/** Values that begin alike and are told apart. */
const PER_HEAD = 4;

interface Known<Value> { readonly length: number; readonly hash: bigint; readonly value: Value }

export class KnownValues<Value> {
  private readonly byHead: BoundedMap<bigint, readonly Known<Value>[]>;
  private readonly hashing: Hashing;

  /** @param capacity how many different heads are kept */
  constructor(hashing: Hashing, capacity: number) {
    this.hashing = hashing;
    this.byHead = new BoundedMap(capacity);
  }

  /** The value whose bytes stand at `at` in the body of that length; only a bracketed one, for its end is in its bytes. */
  find(bodyBytes: number, at: number): { readonly end: number; readonly value: Value } | undefined {
    if (at + HEAD_BYTES > bodyBytes) return undefined;
    const head = this.hashing.body.hash(at, at + HEAD_BYTES, this.hashing.body.secret);
    for (const { length, hash, value } of this.byHead.get(head) ?? []) {
      const end = at + length;
      if (end <= bodyBytes && this.hashing.body.hash(at, end, this.hashing.body.secret) === hash) return { end, value };
    }
    return undefined;
  }

  keep(at: number, end: number, value: Value): void {
    if (end - at < HEAD_BYTES) return;
    const head = this.hashing.body.hash(at, at + HEAD_BYTES, this.hashing.body.secret);
    const known = { length: end - at, hash: this.hashing.body.hash(at, end, this.hashing.body.secret), value };
    const others = this.byHead.peek(head) ?? [];
    this.byHead.set(head, [known, ...others.filter(({ hash }) => hash !== known.hash)].slice(0, PER_HEAD));
  }
}
