import { EntresolError, type Coordinate, type RequestId, type TenantId } from '../core/index.ts';
import { RecencyMap } from '../core/recency-map.ts';
import type { RequestRecord } from './request-record.ts';

function instanceKey(by: Coordinate): string {
  return `${by.tenant}\u0000${by.session}\u0000${by.instance}`;
}

/** The last requests, oldest forgotten first. One without an end stays, for its end finds it here; there is a bound on those of its own. */
export class DecisionLog {
  readonly #records = new RecencyMap<RequestId, RequestRecord>();
  readonly #latest = new Map<string, RequestId>();
  readonly #maximum: number;

  constructor(maximum: number) {
    this.#maximum = Math.max(1, maximum);
  }

  add(record: RequestRecord): void {
    for (let looks = this.#records.size; looks > 0 && this.#records.size >= this.#maximum; looks -= 1) this.#forgetOldest();
    this.#records.set(record.request, record);
    record.instanceKey = instanceKey(record.by);
    this.#latest.set(record.instanceKey, record.request);
  }

  #forgetOldest(): void {
    const found = this.#records.oldest();
    if (found === undefined) return;
    const [oldest, record] = found;
    this.#records.delete(oldest);
    if (record.end === undefined) {
      this.#records.set(oldest, record);
      return;
    }
    const key = record.instanceKey;
    if (this.#latest.get(key) === oldest) this.#latest.delete(key);
  }

  get(request: RequestId): RequestRecord | undefined {
    return this.#records.get(request);
  }

  /** The latest request of the instance: what its tool calls and cache touches belong to. */
  latestOf(by: Coordinate): RequestRecord | undefined {
    const request = this.#latest.get(instanceKey(by));
    return request === undefined ? undefined : this.#records.get(request);
  }

  /**
   * @param tenant only its own requests are known to a tenant; absent: an operator asks
   * @throws EntresolError `ENT_UNKNOWN_REQUEST`
   */
  find(request: RequestId, tenant?: TenantId): RequestRecord {
    const record = this.#records.get(request);
    if (record === undefined || (tenant !== undefined && record.by.tenant !== tenant)) {
      throw new EntresolError('ENT_UNKNOWN_REQUEST', `no recent request has the id ${JSON.stringify(request)}.`);
    }
    return record;
  }

  /** The tenant's requests that have ended by now, in the order of their arrival. */
  ended(tenant: TenantId): RequestRecord[] {
    return Array.from(this.#records, ([, record]) => record).filter((record) => record.end !== undefined && record.by.tenant === tenant);
  }

  get size(): number { return this.#records.size; }
}
