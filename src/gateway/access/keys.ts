/**
 * Keys of this server. A key is 256 random bits, so its plain SHA-256 in a configuration file gives nothing away: salt
 * and slow hashes protect what people choose, and no list holds 2^256 entries. What it buys is a hash that costs a
 * microsecond per call.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { TenantId, WorkloadId } from '../../core/index.ts';

/** What configuration says of a key. The key itself is nowhere. */
export interface KeySetting {
  /** For people and logs. */
  readonly name: string;
  /** `sha256:` and 64 hexadecimal digits, as `entresol keys new` prints it. */
  readonly hash: string;
  readonly tenant: TenantId;
  /** Of calls that name none. */
  readonly workload?: WorkloadId;
  /** It may use the admin routes. */
  readonly admin: boolean;
}

const KEY = /^entresol_[A-Za-z0-9_-]{43}$/;
export const KEY_HASH = /^sha256:[0-9a-f]{64}$/;

/** A new key, to be shown once. */
export function newKey(): string {
  return `entresol_${randomBytes(32).toString('base64url')}`;
}

/** Whether a text has the form of a key of ours, whoever's it is: such a text is never sent on. */
export function looksLikeKey(text: string): boolean {
  return KEY.test(text);
}

const digestOf = (key: string): Buffer => createHash('sha256').update(key).digest();

export function hashOfKey(key: string): string {
  return `sha256:${digestOf(key).toString('hex')}`;
}

interface KnownKey {
  readonly setting: KeySetting;
  readonly digest: Buffer;
}

/** The keys in force; replaced as a whole when configuration is read again. */
export class KeyRing {
  /** By the first 8 bytes of the digest: which of them a caller meets tells nothing about a key. */
  #keys = new Map<string, KnownKey[]>();
  #count = 0;
  #tenants = 0;

  constructor(settings: readonly KeySetting[] = []) {
    this.replace(settings);
  }

  /** With none configured there is one tenant, and loopback alone may connect. */
  get empty(): boolean { return this.#count === 0; }

  /** Whether there is more than one tenant. */
  get shared(): boolean { return this.#tenants > 1; }

  replace(settings: readonly KeySetting[]): void {
    const keys = new Map<string, KnownKey[]>();
    for (const setting of settings) {
      const hex = setting.hash.slice('sha256:'.length);
      const start = hex.slice(0, 16);
      keys.set(start, [...(keys.get(start) ?? []), { setting, digest: Buffer.from(hex, 'hex') }]);
    }
    this.#keys = keys;
    this.#count = settings.length;
    this.#tenants = new Set(settings.map(({ tenant }) => tenant)).size;
  }

  /** Compares digests in constant time. */
  find(presented: string): KeySetting | undefined {
    if (this.#count === 0 || !looksLikeKey(presented)) return undefined;
    const digest = digestOf(presented);
    return this.#keys.get(digest.toString('hex', 0, 8))?.find((known) => timingSafeEqual(known.digest, digest))?.setting;
  }
}
