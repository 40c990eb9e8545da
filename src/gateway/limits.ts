export interface GatewayLimits {
  /** Of one body, also once it is unpacked. */
  readonly bodyBytes: number;
  /** Of all bodies together, and of whole answers while they are read. */
  readonly memoryBytes: number;
  readonly headerBytes: number;
  /** A request's headers must have come by then, its body by `requestMs`. */
  readonly headerMs: number;
  readonly requestMs: number;
  /** A whole call, its answer included. */
  readonly callMs: number;
  /** A client that does not read its answer for this long is cut off. */
  readonly stallMs: number;
  /** From SIGTERM to giving up what is still in flight. */
  readonly drainMs: number;
  /** Idle connections of clients are kept this long; longer than SDKs keep theirs, so that it is they who close. */
  readonly keepAliveMs: number;
  /** A session whose client closed its connection has this long to open another before that is taken for a sign of its end. */
  readonly connectionGraceMs: number;
  /** Clients of the event stream that do not read are dropped beyond this much unsent. */
  readonly eventBacklogBytes: number;
}

export const DEFAULT_GATEWAY_LIMITS: GatewayLimits = {
  bodyBytes: 64 * 1024 * 1024,
  memoryBytes: 1024 * 1024 * 1024,
  headerBytes: 64 * 1024,
  headerMs: 60_000,
  requestMs: 300_000,
  callMs: 3_600_000,
  stallMs: 600_000,
  drainMs: 30_000,
  keepAliveMs: 75_000,
  connectionGraceMs: 1000,
  eventBacklogBytes: 1024 * 1024,
};
