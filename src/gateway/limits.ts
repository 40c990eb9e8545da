export interface GatewayLimits {
  readonly bodyBytes: number;
  readonly headerBytes: number;
  /** From SIGTERM to giving up what is still in flight. */
  readonly drainMs: number;
  /** Idle connections of clients are kept this long; longer than SDKs keep theirs, so that it is they who close. */
  readonly keepAliveMs: number;
  /** Clients of the event stream that do not read are dropped beyond this much unsent. */
  readonly eventBacklogBytes: number;
}

export const DEFAULT_GATEWAY_LIMITS: GatewayLimits = {
  bodyBytes: 64 * 1024 * 1024,
  headerBytes: 64 * 1024,
  drainMs: 30_000,
  keepAliveMs: 75_000,
  eventBacklogBytes: 1024 * 1024,
};
