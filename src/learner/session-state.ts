import type { LiveSession, RequestId, SessionId } from '../core/index.ts';
import { hashText } from './hash.ts';
import { AGENT_COUNTERS, END_FEATURES, GAP_FEATURES, type SessionRows } from './session-rows.ts';

/** Stands for what is not known (yet). */
export const UNKNOWN_KEY = 0;
const AGENT_CALLS_MASK = 255;

/**
 * What the learner knows of one session: a handle on its row. Agents and tools are hashed keys, features are cell numbers of the
 * tables. A call's features are complete at its `request-end`; until then only those that its arrival gave are set, so that
 * the order of events does not matter (`endMask` says which count).
 */
export class SessionState implements LiveSession {
  readonly id: SessionId;
  private readonly rows: SessionRows;
  /** Its row; 0 once it is forgotten. */
  row: number;

  constructor(id: SessionId, rows: SessionRows) {
    this.id = id;
    this.rows = rows;
    this.row = rows.take();
  }

  /** Nothing is known of it any more, and it is over; others may still hold the handle. */
  forget(): void {
    this.rows.release(this.row);
    this.row = 0;
  }

  get calls(): number { return this.rows.calls.cells[this.row]; }
  get lastCallMs(): number { return this.rows.lastCallMs.cells[this.row]; }
  get revision(): number { return this.rows.revision.cells[this.row]; }
  get over(): boolean { return this.rows.over.cells[this.row] === 1; }
  set over(over: boolean) { this.rows.over.cells[this.row] = over ? 1 : 0; }
  /** Some signal said that the session has ended; index into `END_SIGNALS`, or -1. */
  get endSignal(): number { return this.rows.endSignal.cells[this.row]; }
  set endSignal(signal: number) { this.rows.endSignal.cells[this.row] = signal; }
  get agent(): number { return this.rows.agent.cells[this.row]; }
  /** Slot of the agent in the table of agents. */
  get agentSlot(): number { return this.rows.agentSlot.cells[this.row]; }
  set agentSlot(slot: number) { this.rows.agentSlot.cells[this.row] = slot; }
  get previousAgent(): number { return this.rows.previousAgent.cells[this.row]; }
  /** Last tool of the last ended call, or its stop reason; UNKNOWN_KEY while the call is running. */
  get tool(): number { return this.rows.tool.cells[this.row]; }
  set tool(tool: number) { this.rows.tool.cells[this.row] = tool; }
  get previousTool(): number { return this.rows.previousTool.cells[this.row]; }
  /** How long the last call took; -1 while it is running. */
  get callDurationMs(): number { return this.rows.callDurationMs.cells[this.row]; }
  set callDurationMs(durationMs: number) { this.rows.callDurationMs.cells[this.row] = durationMs; }
  get endMask(): number { return this.rows.endMask.cells[this.row]; }
  set endMask(mask: number) { this.rows.endMask.cells[this.row] = mask; }
  /** The probability at the last evaluation, or -1. */
  get endProbability(): number { return this.rows.endProbability.cells[this.row]; }
  set endProbability(probability: number) { this.rows.endProbability.cells[this.row] = probability; }
  /** How likely the beginnings since its last call are if one of them took its place, against their being others' or their own. */
  get followed(): number { return this.rows.followed.cells[this.row]; }
  set followed(odds: number) { this.rows.followed.cells[this.row] = odds; }
  /** Share of this session that the expectation step counts as ended; -1 while it is not counted. */
  get expectedEnd(): number { return this.rows.expectedEnd.cells[this.row]; }
  set expectedEnd(share: number) { this.rows.expectedEnd.cells[this.row] = share; }
  /** Cells of what the arrival of the call told, and of what its end added, in the two tables of gaps. */
  arrivalGapCell(feature: number): number { return this.rows.arrivalGapCells.cells[this.row * GAP_FEATURES + feature]; }
  setArrivalGapCell(feature: number, cell: number): void { this.rows.arrivalGapCells.cells[this.row * GAP_FEATURES + feature] = cell; }
  endGapCell(feature: number): number { return this.rows.endGapCells.cells[this.row * GAP_FEATURES + feature]; }
  setEndGapCell(feature: number, cell: number): void { this.rows.endGapCells.cells[this.row * GAP_FEATURES + feature] = cell; }
  endCell(feature: number): number { return this.rows.endCells.cells[this.row * END_FEATURES + feature]; }
  setEndCell(feature: number, cell: number): void { this.rows.endCells.cells[this.row * END_FEATURES + feature] = cell; }
  /** Evidence of each end feature (log odds against the base rate) at the last evaluation. */
  endEvidence(feature: number): number { return this.rows.endEvidence.cells[this.row * END_FEATURES + feature]; }
  setEndEvidence(feature: number, evidence: number): void { this.rows.endEvidence.cells[this.row * END_FEATURES + feature] = evidence; }

  /** A call arrives: what the last one told is history. */
  called(request: RequestId, agent: number, agentSlot: number, atMs: number): void {
    const { rows, row } = this;
    rows.previousAgent.cells[row] = rows.agent.cells[row];
    rows.previousTool.cells[row] = rows.tool.cells[row];
    rows.agent.cells[row] = agent;
    rows.agentSlot.cells[row] = agentSlot;
    rows.tool.cells[row] = UNKNOWN_KEY;
    rows.request.cells[row] = hashText(request);
    rows.calls.cells[row]++;
    rows.agentCalls.cells[row * AGENT_COUNTERS + (agent % AGENT_COUNTERS)]++;
    rows.lastCallMs.cells[row] = atMs;
    rows.callDurationMs.cells[row] = -1;
    rows.endSignal.cells[row] = -1;
    rows.revision.cells[row]++;
  }
  /** Whether the session's last call is this one. */
  isLastCall(request: RequestId): boolean {
    return this.rows.request.cells[this.row] === hashText(request);
  }
  /** What is forecast of it may have changed. */
  revise(): void {
    this.rows.revision.cells[this.row]++;
  }
  /** Ordinal of the agent's last call in the session, modulo 256. */
  agentCalls(agent: number): number {
    return this.rows.agentCalls.cells[this.row * AGENT_COUNTERS + (agent % AGENT_COUNTERS)];
  }
  agentCallsSince(agent: number, nth: number): number {
    return (this.agentCalls(agent) - nth) & AGENT_CALLS_MASK;
  }
}
