import type { Dialect } from '../../core/index.ts';
import type { BreakerSettings } from './circuit-breaker.ts';
import type { TlsSettings } from './connections.ts';
import type { CredentialHeader, OwnCredential } from './credential.ts';

export type UpstreamKind = 'openai' | 'anthropic' | 'openai-compatible';

export interface OpenAiEngineOptions {
  /** `openai` and `anthropic` are hosted: no field is added to their bodies unless a policy needs it. */
  readonly kind: UpstreamKind;
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

export const DIALECTS: Readonly<Record<UpstreamKind, readonly Dialect[]>> = {
  openai: ['chat', 'completions', 'responses', 'embeddings'],
  anthropic: ['messages'],
  'openai-compatible': ['chat', 'completions', 'responses', 'messages', 'embeddings'],
};

export const CREDENTIAL_HEADERS: Readonly<Record<UpstreamKind, CredentialHeader>> = { openai: 'authorization', anthropic: 'x-api-key', 'openai-compatible': 'authorization' };

/**
 * Servers of one's own (uvicorn, by default) close an idle connection after 5 s and do not say so: ours go first.
 * Hosted APIs keep theirs for minutes, and a new TLS connection costs a call tens of milliseconds.
 */
export const KEEP_ALIVE_MS: Readonly<Record<UpstreamKind, number>> = { openai: 60_000, anthropic: 60_000, 'openai-compatible': 4000 };
