import type { LiveSession, RequestId, SessionId } from '../core/index.ts';

export const GAP_FEATURES = 4;
export const END_FEATURES = 10;
const AGENT_COUNTERS = 32;
/** Stands for what is not known (yet). */
export const UNKNOWN_KEY = 0;

/**
 * What the learner knows of one session. Agents and tools are hashed keys, features are cell numbers of the tables.
 * A call's features are complete at its `request-end`; until then only those that its arrival gave are set, so that
 * the order of events does not matter (`gapFeatures` and `endFeatures` say how many count).
 */
export class SessionState implements LiveSession {
  readonly id: SessionId;
  calls = 0;
  lastCallMs = 0;
  revision = 0;
  over = false;
  /** Some signal said that the session has ended; index into `END_SIGNALS`, or -1. */
  endSignal = -1;

  request: RequestId | undefined;
  agent = UNKNOWN_KEY;
  /** Slot of the agent in the table of agents. */
  agentSlot = 0;
  previousAgent = UNKNOWN_KEY;
  /** Last tool of the last ended call, or its stop reason; UNKNOWN_KEY while the call is running. */
  tool = UNKNOWN_KEY;
  previousTool = UNKNOWN_KEY;

  /** Cells of what the arrival of the call told, and of what its end added, in the two tables of gaps. */
  readonly arrivalGapCells = new Int32Array(GAP_FEATURES);
  readonly endGapCells = new Int32Array(GAP_FEATURES);
  /** How long the last call took; -1 while it is running. */
  callDurationMs = -1;
  readonly endCells = new Int32Array(END_FEATURES);
  endMask = 0;
  /** Evidence of each end feature (log odds against the base rate) and the probability at the last evaluation. */
  readonly endEvidence = new Float64Array(END_FEATURES);
  endProbability = -1;

  /** How likely the beginnings since its last call are if one of them took its place, against their being others' or their own. */
  followed = 0;

  /** Share of this session that the expectation step counts as ended; -1 while it is not counted. */
  expectedEnd = -1;

  private readonly agentCounters = new Uint16Array(AGENT_COUNTERS);

  constructor(id: SessionId) {
    this.id = id;
  }

  countAgentCall(agent: number): void {
    const counter = agent % AGENT_COUNTERS;
    if (this.agentCounters[counter] < 65535) this.agentCounters[counter]++;
  }

  agentCalls(agent: number): number {
    return this.agentCounters[agent % AGENT_COUNTERS];
  }
}
