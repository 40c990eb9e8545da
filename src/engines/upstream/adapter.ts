/**
 * What an engine that is reached by URL is made of, beyond passing calls through: facts about its kind, and hooks. All
 * hooks are optional; a server with none is passed through and observed, not steered. docs/write-an-engine.md goes
 * through them.
 */
import type { CallReport, CallSignal, Coordinate, Dialect, Discovery, EngineCall, EngineCapabilities, EngineHost, EngineKind, Intent, ModelInfo, Outcome, ReplicaId, TenantId } from '../../core/index.ts';
import type { ServerAnswer } from './ask-server.ts';
import type { CredentialHeader } from './credential.ts';

export interface UpstreamAdapter {
  readonly kind: EngineKind;
  readonly dialects: readonly Dialect[];
  /** Of those, what not every server of the kind has: it is asked before the first call of one. */
  readonly uncertain?: ReadonlySet<Dialect>;
  /** A hosted API: no field is added to its bodies unless a policy that is on needs it. */
  readonly hosted: boolean;
  readonly credentialHeader: CredentialHeader;
  /** Idle connections are kept this long, unless the server announces less. */
  readonly keepAliveMs: number;

  /** What it can do as far as is known now, beyond what every upstream can. Asked again after `up`, `down` and `capabilitiesChanged`. */
  capabilities?(): Partial<EngineCapabilities>;
  /** Looks what the server is and can do: at the start, and each time it is back. Rejects where it cannot be asked: it is tried again. */
  discover?(server: UpstreamServer): Promise<Discovery>;
  /**
   * Asked every few seconds: resolves to what tells one start of the server from another (a start time, a random id;
   * empty where it does not say). Another than last time: it was restarted, and is cold. Rejects where it is not well.
   */
  instance?(server: UpstreamServer): Promise<string>;
  /** It is there, and `discover` has looked: subscribe to events, begin to poll. What throws is logged. */
  up?(server: UpstreamServer): void | Promise<void>;
  /** It is gone, or was started anew, and with it what it held. Follows an `up`. */
  down?(): void;
  /**
   * Stands around a call: what it throws before the head becomes an error answer.
   * @param pass sends the call, with what is to be changed of it; at most once
   */
  serve?(call: EngineCall, pass: (edit?: OutgoingEdit) => Promise<CallReport>): Promise<CallReport>;
  perform?(intent: Intent): Promise<Outcome>;
  /** No call of this session is expected any more; one may come all the same. */
  sessionEnded?(by: Coordinate): void;
  inspect?(call: Omit<EngineCall, 'request'>, tenant: TenantId): Promise<{ promptTokens: number; residentTokens: number } | undefined>;
  models?(): readonly ModelInfo[];
  /** What the server tells of its load; without it the calls that pass are counted. */
  load?(): Partial<{ runningRequests: number; waitingRequests: number; cacheUsedFraction: number }>;
  /** No call comes any more, and the server can still be asked: take back what it holds for us. Comes before `down` and `close`. */
  leave?(): Promise<void>;
  /** For good: close what `up` opened. Follows `down` if it was up. A call that was held meanwhile may still come, and is to pass as it is. */
  close?(graceMs: number): void | Promise<void>;
}

/** What is changed of a call on its way out; absent: nothing. */
export interface OutgoingEdit {
  readonly body?: Buffer;
  /** Alternating names and values; the upstream's own credential is added after. */
  readonly headers?: readonly string[];
  readonly path?: string;
  /** The connection serves no other call after this one. */
  readonly lastOnConnection?: boolean;
  /** In place of the client's own: aborts when that does, and when the adapter gives the call up. */
  readonly signal?: CallSignal;
  /** The first bytes of the answer's body have come. */
  began?(): void;
  /** The answer's head has come. @param headers raw pairs */
  headCame?(status: number, headers: readonly string[]): void;
  /** Reads what the answer says at its end, where it came whole: completes the report. */
  readReport?(end: AnswerEnd): Partial<CallReport>;
}

export interface AnswerEnd {
  readonly status: number;
  /** Raw pairs. */
  readonly headers: readonly string[];
  /** The last 16 KiB of the body, plain. */
  readonly tail: Buffer;
}

/** The server as an adapter sees it. */
export interface UpstreamServer {
  readonly replica: ReplicaId;
  /** Scheme, host and port. */
  readonly origin: string;
  readonly host: EngineHost;
  /** Others use it: nothing is to be asked that changes what it holds, and no call comes. */
  readonly looksOnly?: boolean;
  /**
   * Asks something of our own, with the upstream's own credential.
   * @param path from the origin on (and what comes before `/v1` in its URL)
   * @throws where there is no answer in time
   */
  ask(path: string, options?: AskOptions): Promise<ServerAnswer>;
  capabilitiesChanged(): void;
}

export interface AskOptions {
  readonly method?: string;
  /** Sent as JSON; bytes are sent as they are. */
  readonly body?: unknown;
  readonly headers?: readonly string[];
  /** Gives it up. */
  readonly signal?: CallSignal;
  /** Default 5,000. */
  readonly timeoutMs?: number;
  /** Default 4 MiB; the rest is cut off. */
  readonly maximumBytes?: number;
}
