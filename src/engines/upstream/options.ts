import type { BreakerSettings } from './circuit-breaker.ts';
import type { TlsSettings } from './connections.ts';
import type { OwnCredential } from './credential.ts';

/** What every upstream may be told, whatever its kind. */
export interface UpstreamOptions {
  /** Origin, or ending in `/v1`. */
  readonly url: string;
  /** Names of models that are sent here; one may end in `*`. Absent: whatever no other upstream lists. */
  readonly models?: readonly string[];
  /** By default the client's goes on, and there is none beside it. */
  readonly credential?: OwnCredential;
  readonly connectTimeoutMs?: number;
  /** From the request's last byte to the answer's head. Long: an answer that does not stream comes when it is whole. */
  readonly firstByteTimeoutMs?: number;
  /** Between two pieces of an answer. */
  readonly silenceTimeoutMs?: number;
  /** Idle connections are kept this long, unless the upstream announces less. */
  readonly keepAliveMs?: number;
  /** How often an upstream that is down is looked at again. */
  readonly retryMs?: number;
  readonly breaker?: Partial<BreakerSettings>;
  /** Absent: calls tell how it is, and a connection whether it is back. */
  readonly check?: HealthCheckSettings;
  /** By default as `HTTPS_PROXY` and its kin say. */
  readonly proxy?: 'environment' | 'none' | URL;
  readonly tls?: TlsSettings;
  /** It is looked at, beside those that use it, and gets no calls: nothing is asked that changes what it holds. */
  readonly looksOnly?: boolean;
  /** Whether it keeps caches of tenants apart by `cache_salt`; by default a server of one's own does. */
  readonly saltsCache?: boolean;
}

export interface HealthCheckSettings {
  /** From the origin on. */
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** In a row until it counts as down. */
  readonly failures: number;
}
