/**
 * What a learner knows of its sessions: one buffer with a row for each, seen as numbers of several widths. An object of its own
 * per session, with arrays inside, would take some five times as much, and a column per field would lie in twenty places of
 * memory. Rows are pooled; row 0 stands for all sessions that have been forgotten.
 */
export const GAP_FEATURES = 4;
export const END_FEATURES = 10;
/** Agents share counters beyond so many. */
export const AGENT_COUNTERS = 32;
const ROW_BYTES = 136;
const FIRST_ROWS = 64;
/** Rows are numbered in 16 bits. */
export const MOST_SESSIONS = 65_535;
/** Room doubles up to so many rows and grows by as many from there on, so that little of it stands empty. */
const MOST_ROWS_AT_ONCE = 128;

/** Numbers of each width in a row. */
export const PER_ROW = { f64: ROW_BYTES / 8, f32: ROW_BYTES / 4, u32: ROW_BYTES / 4, u16: ROW_BYTES / 2, i16: ROW_BYTES / 2, u8: ROW_BYTES } as const;
/** Where in its row a field begins, in numbers of its width. */
export const F64 = { lastCallMs: 0 } as const;
export const U32 = { calls: 2, request: 3, agent: 4, previousAgent: 5, tool: 6, previousTool: 7 } as const;
export const F32 = { callDurationMs: 8, endProbability: 9, followed: 10, expectedEnd: 11 } as const;
/** `place`: among the live sessions, from 1; 0: not live. */
export const U16 = { revision: 24, endMask: 25, place: 26, endCells: 27 } as const;
/** In steps of 1/2048: log odds of what is cut to one in a thousand at both ends do not reach 16. */
export const I16 = { endEvidence: 37 } as const;
export const EVIDENCE_STEPS = 2048;
/** `agentCalls`: modulo 256, for only differences are asked for, and all beyond two are alike. `endSignal`: from 1; 0: none; and `OVER`. */
export const U8 = { endSignal: 94, agentSlot: 95, arrivalGapCells: 96, endGapCells: 100, agentCalls: 104 } as const;
export const OVER = 128;

export class SessionRows {
  f64 = new Float64Array(0);
  f32 = new Float32Array(0);
  u32 = new Uint32Array(0);
  u16 = new Uint16Array(0);
  i16 = new Int16Array(0);
  u8 = new Uint8Array(0);
  private readonly free: number[] = [];
  private made = 0;

  constructor() {
    const forgotten = this.take();
    this.u8[forgotten * PER_ROW.u8 + U8.endSignal] = OVER;
  }

  get bytes(): number {
    return this.u8.byteLength + this.free.length * 8;
  }

  /** A row for a session that has not called yet. */
  take(): number {
    const row = this.free.pop() ?? this.made++;
    if ((row + 1) * ROW_BYTES > this.u8.length) this.grow();
    const first = row * PER_ROW.f32;
    this.u32.fill(0, first, first + PER_ROW.u32);
    this.f32[first + F32.callDurationMs] = this.f32[first + F32.endProbability] = this.f32[first + F32.expectedEnd] = -1;
    return row;
  }
  release(row: number): void {
    this.free.push(row);
  }

  private grow(): void {
    const old = this.u8;
    const rows = old.length / ROW_BYTES;
    const buffer = new ArrayBuffer((rows + Math.min(MOST_ROWS_AT_ONCE, Math.max(FIRST_ROWS, rows))) * ROW_BYTES);
    this.u8 = new Uint8Array(buffer);
    this.u8.set(old);
    this.f64 = new Float64Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.i16 = new Int16Array(buffer);
  }
}
