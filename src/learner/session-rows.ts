/**
 * What a learner knows of its sessions, in columns: an object of its own per session, with arrays inside, would take some
 * five times as much. Rows are pooled; row 0 stands for all sessions that have been forgotten.
 */
export const GAP_FEATURES = 4;
export const END_FEATURES = 10;
/** Agents share counters beyond so many. */
export const AGENT_COUNTERS = 32;
const FIRST_ROWS = 64;
/** Rows are numbered in 16 bits. */
export const MOST_SESSIONS = 65_535;
/** Room doubles up to so many rows and grows by as many from there on, so that little of it stands empty. */
const MOST_ROWS_AT_ONCE = 128;
/** Columns grow one by one, each from so many rows before its end: all of them at once would take as long as ten calls. More than there are columns. */
const ROWS_AHEAD = 32;

type Cells = Uint8Array | Int8Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array;

interface Column<Kind extends Cells = Cells> {
  readonly make: new (length: number) => Kind;
  /** Cells of a row. */
  readonly width: number;
  /** What a new row begins with. */
  readonly start: number;
  cells: Kind;
}

export class SessionRows {
  private readonly columns: Column[] = [];
  private readonly free: number[] = [];
  private made = 0;
  private turn = 0;

  readonly calls = this.column(Uint32Array);
  readonly lastCallMs = this.column(Float64Array);
  readonly revision = this.column(Uint16Array);
  readonly over = this.column(Uint8Array);
  readonly endSignal = this.column(Int8Array, { start: -1 });
  readonly request = this.column(Uint32Array);
  readonly agent = this.column(Uint32Array);
  readonly agentSlot = this.column(Uint8Array);
  readonly previousAgent = this.column(Uint32Array);
  readonly tool = this.column(Uint32Array);
  readonly previousTool = this.column(Uint32Array);
  readonly callDurationMs = this.column(Float32Array, { start: -1 });
  readonly arrivalGapCells = this.column(Uint8Array, { width: GAP_FEATURES });
  readonly endGapCells = this.column(Uint8Array, { width: GAP_FEATURES });
  readonly endCells = this.column(Uint16Array, { width: END_FEATURES });
  readonly endMask = this.column(Uint16Array);
  readonly endEvidence = this.column(Float32Array, { width: END_FEATURES });
  readonly endProbability = this.column(Float32Array, { start: -1 });
  readonly followed = this.column(Float32Array);
  readonly expectedEnd = this.column(Float32Array, { start: -1 });
  /** Modulo 256: only differences are asked for, and all beyond two are alike. */
  readonly agentCalls = this.column(Uint8Array, { width: AGENT_COUNTERS });
  /** Place among the live sessions, from 1; 0: not live. */
  readonly place = this.column(Uint16Array);

  constructor() {
    const forgotten = this.take();
    this.over.cells[forgotten] = 1;
  }

  get bytes(): number {
    return this.columns.reduce((sum, { cells }) => sum + cells.byteLength, 0) + this.free.length * 8;
  }

  /** A row for a session that has not called yet. */
  take(): number {
    const row = this.free.pop() ?? this.made++;
    this.growAhead();
    for (const column of this.columns) {
      if (column.cells.length < (row + 1) * column.width) this.grow(column);
      const { cells, width, start } = column;
      for (let at = row * width; at < (row + 1) * width; at++) cells[at] = start;
    }
    return row;
  }
  release(row: number): void {
    this.free.push(row);
  }

  private column<Kind extends Cells>(make: new (length: number) => Kind, { width = 1, start = 0 } = {}): Column<Kind> {
    const column = { make, width, start, cells: new make(0) };
    this.columns.push(column);
    return column;
  }
  private growAhead(): void {
    this.turn = (this.turn + 1) % this.columns.length;
    const column = this.columns[this.turn];
    if (column.cells.length < (this.made + ROWS_AHEAD) * column.width) this.grow(column);
  }
  private grow(column: Column): void {
    const { cells, width, make } = column;
    const rows = cells.length / width;
    column.cells = new make((rows + Math.min(MOST_ROWS_AT_ONCE, Math.max(FIRST_ROWS, rows))) * width);
    column.cells.set(cells);
  }
}
