/** Every error is declared here once: its code, its HTTP status, and how to mend it. */
export interface ErrorKind {
  readonly status: number;
  readonly mend: string;
}

export const ERRORS = {
  ENT_BAD_JSON: { status: 400, mend: 'Send one JSON object as the body (an array to /entresol/v1/events).' },
  ENT_BAD_REQUEST: { status: 400, mend: 'Correct the named field.' },
  ENT_UNTRANSLATABLE: { status: 400, mend: 'Leave it out, or serve with an engine that speaks this API itself; docs/protocols.md lists what is translated.' },
  ENT_UNKNOWN_MODEL: { status: 404, mend: 'Ask GET /v1/models for the models served here.' },
  ENT_UNKNOWN_ROUTE: { status: 404, mend: 'See docs/http.md for the routes.' },
  ENT_UNKNOWN_REQUEST: { status: 404, mend: 'Only recent requests are kept; use the x-entresol-request-id of a recent answer.' },
  ENT_PROMPT_TOO_LONG: { status: 400, mend: 'Shorten the prompt, or serve with a larger context.' },
  ENT_BODY_TOO_LARGE: { status: 413, mend: 'Send a smaller body, or serve with a larger --body-limit.' },
  ENT_UNSUPPORTED_ENCODING: { status: 415, mend: 'Send the body plain, or in gzip, deflate or br (zstd from Node 22.15 on).' },
  ENT_REQUEST_TIMEOUT: { status: 408, mend: 'Send the whole request sooner.' },
  ENT_CALL_TIMEOUT: { status: 504, mend: 'Ask for less, or raise the limit on how long a call may take.' },
  ENT_HEADERS_TOO_LARGE: { status: 431, mend: 'Send fewer or shorter headers.' },
  ENT_FORBIDDEN_HOST: { status: 403, mend: 'Use a loopback name such as 127.0.0.1 or localhost, and call from no web page of another origin; --insecure lets any Host in.' },
  ENT_UNAUTHORIZED: { status: 401, mend: 'Send a key of this server in x-entresol-key or as the bearer token.' },
  ENT_ADMIN_ONLY: { status: 403, mend: 'Use a key that the configuration marks admin: true.' },
  ENT_SHARED_CREDENTIAL: { status: 403, mend: 'Use a key that the configuration marks admin: true, or bring a credential for the upstream in authorization.' },
  ENT_REJECTED_BY_POLICY: { status: 429, mend: 'Retry later; GET /entresol/v1/explain/{requestId} tells which policy and why.' },
  ENT_POLICY_FAILED_CLOSED: { status: 503, mend: 'A safety or budget policy failed; see the log, then switch it or mend it.' },
  ENT_ENGINE_CRASHED: { status: 503, mend: 'The engine restarts by itself; send the request again.' },
  ENT_ENGINE_UNAVAILABLE: { status: 503, mend: 'Check that the engine is up and its URL is right (entresol doctor).' },
  ENT_ENGINE_MISSING: { status: 503, mend: 'Run: entresol engine add embedded.' },
  ENT_ENGINE_INSTALL_FAILED: { status: 503, mend: 'Check that npm reaches its registry, then run: entresol engine add embedded.' },
  ENT_VLLM_UNAVAILABLE: { status: 503, mend: 'It says what is missing; CONTRIBUTING.md lists what a real vLLM on CPUs needs.' },
  ENT_CLIENT_MISSING: { status: 500, mend: 'Run: npm install openai.' },
  ENT_KV_EVENTS_UNSUPPORTED: { status: 500, mend: 'Run npm install zeromq msgpackr (Node 22 or newer on linux-arm64), or leave kvEvents out.' },
  ENT_ENGINE_UNSUPPORTED_PLATFORM: { status: 503, mend: 'No binary exists for this platform; use --upstream with a server, or the simulated engine.' },
  ENT_UPSTREAM_FAILED: { status: 502, mend: 'See the upstream server log.' },
  ENT_UPSTREAM_BUSY: { status: 503, mend: 'Retry later, or put more replicas behind this server.' },
  ENT_UPSTREAM_CREDENTIAL: { status: 401, mend: 'Configure apiKey for this upstream, or send its credential in authorization and the key of this server in x-entresol-key.' },
  ENT_OVERLOADED: { status: 503, mend: 'Retry later, or put more replicas behind this server.' },
  ENT_DRAINING: { status: 503, mend: 'The server is shutting down; send the request to another one.' },
  ENT_CANCELLED: { status: 499, mend: 'The client went away.' },
  ENT_INTERNAL: { status: 500, mend: 'Please report it with the log lines around it.' },
  ENT_USAGE: { status: 400, mend: 'See --help.' },
  ENT_CONFIG_INVALID: { status: 400, mend: 'Correct the named place.' },
  ENT_PORT_TAKEN: { status: 500, mend: 'Choose another --port, or --port 0 for a free one.' },
  ENT_INSECURE_BIND: { status: 500, mend: 'Bind to 127.0.0.1, configure keys (entresol keys new), or pass --insecure.' },
  ENT_MODEL_UNREADABLE: { status: 500, mend: 'Give --model a readable GGUF file.' },
  ENT_DISK_FULL: { status: 507, mend: 'Free disk space or raise the limit on it, or set the cache directory (ENTRESOL_CACHE_DIR) or the state directory (--state) elsewhere.' },
  ENT_CACHE_UNWRITABLE: { status: 500, mend: 'Make the cache directory writable, or set another one with ENTRESOL_CACHE_DIR.' },
  ENT_STATE_CORRUPT: { status: 500, mend: 'The saved state is dropped and computed again.' },
  ENT_STATE_UNWRITABLE: { status: 500, mend: 'Make the state directory writable, or set another one with --state.' },
  ENT_SNAPSHOT_INVALID: { status: 500, mend: 'Learning starts afresh; delete the snapshot file to silence this.' },
  ENT_POLICY_INVALID: { status: 400, mend: 'Correct the policy; docs/write-a-policy.md tells its shape and rules.' },
  ENT_POLICY_UNKNOWN: { status: 400, mend: 'entresol replay --help and GET /entresol/v1/policies list the policies.' },
  ENT_TRACE_MISSING: { status: 400, mend: 'Traces are looked for in traces/, ../shared/traces and $ENTRESOL_TRACES.' },
  ENT_TRACE_TOO_LARGE: { status: 400, mend: 'Replay it with fewer --workers, fewer calls (--max-calls) or larger blocks (--block-size).' },
  ENT_TRACE_INVALID: { status: 400, mend: 'Correct the named line and field; the format is in docs/traces.md.' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

/** The only error that we throw on purpose. `message` says what and where; the mend comes from the table. */
export class EntresolError extends Error {
  readonly code: ErrorCode;
  /** The place: a field (`messages[3].role`), `file:line:column`, a flag. */
  readonly at?: string;
  /** When to try again, where that is known. */
  readonly retryAfterMs?: number;

  constructor(code: ErrorCode, message: string, options: { at?: string; cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'EntresolError';
    this.code = code;
    if (options.at !== undefined) this.at = options.at;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
  }

  get status(): number { return ERRORS[this.code].status; }
  get mend(): string { return ERRORS[this.code].mend; }

  /** One line for a person: code, place, what, how to mend. */
  describe(): string {
    return `${this.code}${this.at === undefined ? '' : ` at ${this.at}`}: ${this.message} ${this.mend}`;
  }
}
