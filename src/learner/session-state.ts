import type { LiveSession, RequestId, SessionId } from '../core/index.ts';
import { hashText } from './hash.ts';
import { AGENT_COUNTERS, EVIDENCE_STEPS, F32, F64, I16, OVER, PER_ROW, U16, U32, U8, type SessionRows } from './session-rows.ts';

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

  /** Place among the live sessions, from 1; 0: it is not live. */
  get place(): number { return this.rows.u16[this.row * PER_ROW.u16 + U16.place]; }
  set place(place: number) { this.rows.u16[this.row * PER_ROW.u16 + U16.place] = place; }
  get calls(): number { return this.rows.u32[this.row * PER_ROW.u32 + U32.calls]; }
  get lastCallMs(): number { return this.rows.f64[this.row * PER_ROW.f64 + F64.lastCallMs]; }
  get revision(): number { return this.rows.u16[this.row * PER_ROW.u16 + U16.revision]; }
  get over(): boolean { return this.rows.u8[this.row * PER_ROW.u8 + U8.endSignal] >= OVER; }
  set over(over: boolean) { this.rows.u8[this.row * PER_ROW.u8 + U8.endSignal] = (over ? OVER : 0) + this.endSignal + 1; }
  /** Some signal said that the session has ended; index into `END_SIGNALS`, or -1. */
  get endSignal(): number { return (this.rows.u8[this.row * PER_ROW.u8 + U8.endSignal] & ~OVER) - 1; }
  set endSignal(signal: number) { this.rows.u8[this.row * PER_ROW.u8 + U8.endSignal] = (this.over ? OVER : 0) + signal + 1; }
  get agent(): number { return this.rows.u32[this.row * PER_ROW.u32 + U32.agent]; }
  /** Slot of the agent in the table of agents. */
  get agentSlot(): number { return this.rows.u8[this.row * PER_ROW.u8 + U8.agentSlot]; }
  set agentSlot(slot: number) { this.rows.u8[this.row * PER_ROW.u8 + U8.agentSlot] = slot; }
  get previousAgent(): number { return this.rows.u32[this.row * PER_ROW.u32 + U32.previousAgent]; }
  /** Last tool of the last ended call, or its stop reason; UNKNOWN_KEY while the call is running. */
  get tool(): number { return this.rows.u32[this.row * PER_ROW.u32 + U32.tool]; }
  set tool(tool: number) { this.rows.u32[this.row * PER_ROW.u32 + U32.tool] = tool; }
  get previousTool(): number { return this.rows.u32[this.row * PER_ROW.u32 + U32.previousTool]; }
  /** How long the last call took; -1 while it is running. */
  get callDurationMs(): number { return this.rows.f32[this.row * PER_ROW.f32 + F32.callDurationMs]; }
  set callDurationMs(durationMs: number) { this.rows.f32[this.row * PER_ROW.f32 + F32.callDurationMs] = durationMs; }
  get endMask(): number { return this.rows.u16[this.row * PER_ROW.u16 + U16.endMask]; }
  set endMask(mask: number) { this.rows.u16[this.row * PER_ROW.u16 + U16.endMask] = mask; }
  /** The probability at the last evaluation, or -1. */
  get endProbability(): number { return this.rows.f32[this.row * PER_ROW.f32 + F32.endProbability]; }
  set endProbability(probability: number) { this.rows.f32[this.row * PER_ROW.f32 + F32.endProbability] = probability; }
  /** How likely the beginnings since its last call are if one of them took its place, against their being others' or their own. */
  get followed(): number { return this.rows.f32[this.row * PER_ROW.f32 + F32.followed]; }
  set followed(odds: number) { this.rows.f32[this.row * PER_ROW.f32 + F32.followed] = odds; }
  /** Share of this session that the expectation step counts as ended; -1 while it is not counted. */
  get expectedEnd(): number { return this.rows.f32[this.row * PER_ROW.f32 + F32.expectedEnd]; }
  set expectedEnd(share: number) { this.rows.f32[this.row * PER_ROW.f32 + F32.expectedEnd] = share; }
  /** Cells of what the arrival of the call told, and of what its end added, in the two tables of gaps. */
  arrivalGapCell(feature: number): number { return this.rows.u8[this.row * PER_ROW.u8 + U8.arrivalGapCells + feature]; }
  setArrivalGapCell(feature: number, cell: number): void { this.rows.u8[this.row * PER_ROW.u8 + U8.arrivalGapCells + feature] = cell; }
  endGapCell(feature: number): number { return this.rows.u8[this.row * PER_ROW.u8 + U8.endGapCells + feature]; }
  setEndGapCell(feature: number, cell: number): void { this.rows.u8[this.row * PER_ROW.u8 + U8.endGapCells + feature] = cell; }
  endCell(feature: number): number { return this.rows.u16[this.row * PER_ROW.u16 + U16.endCells + feature]; }
  setEndCell(feature: number, cell: number): void { this.rows.u16[this.row * PER_ROW.u16 + U16.endCells + feature] = cell; }
  /** Evidence of each end feature (log odds against the base rate) at the last evaluation. */
  endEvidence(feature: number): number { return this.rows.i16[this.row * PER_ROW.i16 + I16.endEvidence + feature] / EVIDENCE_STEPS; }
  setEndEvidence(feature: number, evidence: number): void { this.rows.i16[this.row * PER_ROW.i16 + I16.endEvidence + feature] = Math.round(evidence * EVIDENCE_STEPS); }

  /** A call arrives: what the last one told is history. */
  called(request: RequestId, agent: number, agentSlot: number, atMs: number): void {
    const { u32, u16, u8, f32, f64 } = this.rows;
    const { row } = this;
    const first = row * PER_ROW.u32;
    u32[first + U32.previousAgent] = u32[first + U32.agent];
    u32[first + U32.previousTool] = u32[first + U32.tool];
    u32[first + U32.agent] = agent;
    u32[first + U32.tool] = UNKNOWN_KEY;
    u32[first + U32.request] = hashText(request);
    u32[first + U32.calls]++;
    f32[row * PER_ROW.f32 + F32.callDurationMs] = -1;
    f64[row * PER_ROW.f64 + F64.lastCallMs] = atMs;
    u16[row * PER_ROW.u16 + U16.revision]++;
    u8[row * PER_ROW.u8 + U8.agentSlot] = agentSlot;
    u8[row * PER_ROW.u8 + U8.endSignal] &= OVER;
    u8[row * PER_ROW.u8 + U8.agentCalls + (agent % AGENT_COUNTERS)]++;
  }
  /** Whether the session's last call is this one. */
  isLastCall(request: RequestId): boolean {
    return this.rows.u32[this.row * PER_ROW.u32 + U32.request] === hashText(request);
  }
  /** What is forecast of it may have changed. */
  revise(): void {
    this.rows.u16[this.row * PER_ROW.u16 + U16.revision]++;
  }
  /** Ordinal of the agent's last call in the session, modulo 256. */
  agentCalls(agent: number): number {
    return this.rows.u8[this.row * PER_ROW.u8 + U8.agentCalls + (agent % AGENT_COUNTERS)];
  }
  agentCallsSince(agent: number, nth: number): number {
    return (this.agentCalls(agent) - nth) & AGENT_CALLS_MASK;
  }
}
