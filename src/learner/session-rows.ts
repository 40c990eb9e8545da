/**
 * What a learner knows of its sessions, in columns: an object of its own per session, with arrays inside, would take some
 * five times as much. Rows are pooled; row 0 stands for all sessions that have been forgotten.
 */
export const GAP_FEATURES = 4;
export const END_FEATURES = 10;
/** Agents share counters beyond so many. */
export const AGENT_COUNTERS = 32;
const FIRST_ROWS = 64;

export class SessionRows {
  calls = new Uint32Array(0);
  lastCallMs = new Float64Array(0);
  revision = new Uint16Array(0);
  over = new Uint8Array(0);
  endSignal = new Int8Array(0);
  request = new Uint32Array(0);
  agent = new Uint32Array(0);
  agentSlot = new Uint8Array(0);
  previousAgent = new Uint32Array(0);
  tool = new Uint32Array(0);
  previousTool = new Uint32Array(0);
  callDurationMs = new Float64Array(0);
  arrivalGapCells = new Uint8Array(0);
  endGapCells = new Uint8Array(0);
  endCells = new Uint16Array(0);
  endMask = new Uint16Array(0);
  endEvidence = new Float64Array(0);
  endProbability = new Float64Array(0);
  followed = new Float64Array(0);
  expectedEnd = new Float64Array(0);
  agentCalls = new Uint16Array(0);
  /** Place among the live sessions; -1: not live. */
  place = new Int32Array(0);
  /** All of the above, as they are since the last growth. */
  private columns = this.listed();
  private readonly free: number[] = [];
  private made = 0;
  private room = 0;

  constructor() {
    const forgotten = this.take();
    this.over[forgotten] = 1;
  }

  /** Bytes of a row. */
  get bytesPerRow(): number {
    return this.columns.reduce((sum, { column, width }) => sum + column.BYTES_PER_ELEMENT * width, 0);
  }
  get bytes(): number {
    return this.columns.reduce((sum, { column }) => sum + column.byteLength, 0) + this.free.length * 8;
  }

  /** A row for a session that has not called yet. */
  take(): number {
    const row = this.free.pop() ?? this.made++;
    if (row >= this.room) this.grow();
    for (const { column, width } of this.columns) column.fill(0, row * width, (row + 1) * width);
    this.endSignal[row] = this.callDurationMs[row] = this.endProbability[row] = this.expectedEnd[row] = this.place[row] = -1;
    return row;
  }
  release(row: number): void {
    this.free.push(row);
  }

  private listed() {
    const one = [
      this.calls, this.lastCallMs, this.revision, this.over, this.endSignal, this.request, this.agent, this.agentSlot, this.previousAgent, this.tool,
      this.previousTool, this.callDurationMs, this.endMask, this.endProbability, this.followed, this.expectedEnd, this.place,
    ].map((column) => ({ column, width: 1 }));
    return [
      ...one,
      { column: this.arrivalGapCells, width: GAP_FEATURES },
      { column: this.endGapCells, width: GAP_FEATURES },
      { column: this.endCells, width: END_FEATURES },
      { column: this.endEvidence, width: END_FEATURES },
      { column: this.agentCalls, width: AGENT_COUNTERS },
    ];
  }
  private grow(): void {
    this.room = Math.max(FIRST_ROWS, this.room * 2);
    const { room } = this;
    this.calls = copied(this.calls, new Uint32Array(room));
    this.lastCallMs = copied(this.lastCallMs, new Float64Array(room));
    this.revision = copied(this.revision, new Uint16Array(room));
    this.over = copied(this.over, new Uint8Array(room));
    this.endSignal = copied(this.endSignal, new Int8Array(room));
    this.request = copied(this.request, new Uint32Array(room));
    this.agent = copied(this.agent, new Uint32Array(room));
    this.agentSlot = copied(this.agentSlot, new Uint8Array(room));
    this.previousAgent = copied(this.previousAgent, new Uint32Array(room));
    this.tool = copied(this.tool, new Uint32Array(room));
    this.previousTool = copied(this.previousTool, new Uint32Array(room));
    this.callDurationMs = copied(this.callDurationMs, new Float64Array(room));
    this.arrivalGapCells = copied(this.arrivalGapCells, new Uint8Array(room * GAP_FEATURES));
    this.endGapCells = copied(this.endGapCells, new Uint8Array(room * GAP_FEATURES));
    this.endCells = copied(this.endCells, new Uint16Array(room * END_FEATURES));
    this.endMask = copied(this.endMask, new Uint16Array(room));
    this.endEvidence = copied(this.endEvidence, new Float64Array(room * END_FEATURES));
    this.endProbability = copied(this.endProbability, new Float64Array(room));
    this.followed = copied(this.followed, new Float64Array(room));
    this.expectedEnd = copied(this.expectedEnd, new Float64Array(room));
    this.agentCalls = copied(this.agentCalls, new Uint16Array(room * AGENT_COUNTERS));
    this.place = copied(this.place, new Int32Array(room));
    this.columns = this.listed();
  }
}

function copied<Column extends { set(from: ArrayLike<number>): void }>(from: ArrayLike<number>, to: Column): Column {
  to.set(from);
  return to;
}
