/**
 * Where the tokens' data lies in a saved sequence state of llama.cpp (`llama_state_seq_save_file` in llama-context.cpp,
 * `llama_kv_cache::state_write` in llama-kv-cache.cpp, as shipped with node-llama-cpp 3.22):
 *
 *     magic, version, n tokens, the tokens; number of streams; for each its number of cells, and for the one that is
 *     not empty: position and sequence of every cell; whether V is transposed, number of layers; for each layer type,
 *     row size and rows of K; for each layer the same of V, or, transposed, type, element size, number of rows and
 *     for each row one element per cell.
 *
 * Data of one token is spread over many *bands*: runs of equally large pieces, one per token.
 */
const U32 = 4;
/** Of the file (`LLAMA_STATE_SEQ_MAGIC`, `LLAMA_STATE_SEQ_VERSION` in llama.h). Another version may be laid out otherwise. */
const MAGIC = 0x67677371;
const VERSION = 3;
const CELL_BYTES = 12;
/** The file's tokens begin after three numbers. */
const TOKENS_AT = 3;

/** `repeat` bands one after another, each of `unit` bytes per token. */
export interface BandGroup {
  readonly offset: number;
  readonly unit: number;
  readonly repeat: number;
}

export interface StateLayout {
  readonly tokens: number;
  readonly fileBytes: number;
  readonly cellsOffset: number;
  /** The sequence that it was saved from. */
  readonly sequence: number;
  readonly groups: readonly BandGroup[];
}

/** Undefined where the file is laid out otherwise: it is then kept whole. */
export function readLayout(file: Buffer): StateLayout | undefined {
  try {
    return parse(file);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function parse(file: Buffer): StateLayout | undefined {
  if (file.readUInt32LE(0) !== MAGIC || file.readUInt32LE(U32) !== VERSION) return undefined;
  const tokens = file.readUInt32LE(2 * U32);
  let at = (TOKENS_AT + tokens) * U32;
  const groups: BandGroup[] = [{ offset: TOKENS_AT * U32, unit: U32, repeat: 1 }];
  const streams = file.readUInt32LE(at);
  at += U32;
  let cellsOffset = -1;
  let sequence = -1;
  for (let stream = 0; stream < streams; stream++) {
    const cells = file.readUInt32LE(at);
    at += U32;
    if (cells === 0) continue;
    if (cells !== tokens || cellsOffset >= 0) return undefined;
    cellsOffset = at;
    sequence = file.readInt32LE(at + 2 * U32);
    for (let cell = 0; cell < cells; cell++, at += CELL_BYTES) {
      if (file.readInt32LE(at) !== cell || file.readUInt32LE(at + U32) !== 1 || file.readInt32LE(at + 2 * U32) !== sequence) return undefined;
    }
    const transposed = file.readUInt32LE(at);
    const layers = file.readUInt32LE(at + U32);
    if (transposed > 1) return undefined;
    at += 2 * U32;
    for (let layer = 0; layer < layers; layer++) at = rows(file, at, tokens, groups);
    for (let layer = 0; layer < layers; layer++) at = transposed === 1 ? columns(file, at, tokens, groups) : rows(file, at, tokens, groups);
  }
  return at === file.length && cellsOffset >= 0 ? { tokens, fileBytes: file.length, cellsOffset, sequence, groups } : undefined;
}

function rows(file: Buffer, at: number, tokens: number, groups: BandGroup[]): number {
  const unit = Number(file.readBigUInt64LE(at + U32));
  const offset = at + U32 + 8;
  groups.push({ offset, unit, repeat: 1 });
  return offset + unit * tokens;
}

function columns(file: Buffer, at: number, tokens: number, groups: BandGroup[]): number {
  const unit = file.readUInt32LE(at + U32);
  const repeat = file.readUInt32LE(at + 2 * U32);
  const offset = at + 3 * U32;
  groups.push({ offset, unit, repeat });
  return offset + unit * repeat * tokens;
}

/** Bytes of one token over all bands. */
export function bytesPerToken(layout: StateLayout): number {
  return layout.groups.reduce((sum, { unit, repeat }) => sum + unit * repeat, 0);
}

/** The ids of `count` tokens from `first` on, as they lie in the file. */
export function tokenIds(file: Buffer, first: number, count: number): Buffer {
  return file.subarray((TOKENS_AT + first) * U32, (TOKENS_AT + first + count) * U32);
}

/** Visits each run of neighbouring bytes that the tokens from `first` on have in the file, with its place in `data`; stops at `false`. */
function eachRun(layout: StateLayout, first: number, data: Buffer, visit: (inFile: number, inData: number, bytes: number) => boolean): boolean {
  const count = data.length / bytesPerToken(layout);
  let at = 0;
  for (const { offset, unit, repeat } of layout.groups) {
    const bytes = count * unit;
    let from = offset + first * unit;
    for (let band = 0; band < repeat; band++, from += unit * layout.tokens, at += bytes) {
      if (!visit(from, at, bytes)) return false;
    }
  }
  return true;
}

/** Copies the data of the tokens from `first` on between the file and one buffer; as many as the buffer holds. */
export function copyTokens(layout: StateLayout, file: Buffer, first: number, data: Buffer, direction: 'out' | 'in'): void {
  eachRun(layout, first, data, (inFile, inData, bytes) => {
    if (direction === 'out') file.copy(data, inData, inFile, inFile + bytes);
    else data.copy(file, inFile, inData, inData + bytes);
    return true;
  });
}

/** Whether the file has these bytes for the tokens from `first` on. */
export function equalTokens(layout: StateLayout, file: Buffer, first: number, data: Buffer): boolean {
  return eachRun(layout, first, data, (inFile, inData, bytes) => data.compare(file, inFile, inFile + bytes, inData, inData + bytes) === 0);
}

/** What is left of the file when the tokens' data and the cells are taken out, in order. */
export function frameOf(layout: StateLayout, file: Buffer): Buffer {
  return Buffer.concat(gaps(layout).map(([from, to]) => file.subarray(from, to)));
}

/** Puts frame and cells into an empty file. */
export function writeFrame(layout: StateLayout, frame: Buffer, file: Buffer): void {
  let at = 0;
  for (const [from, to] of gaps(layout)) at += frame.copy(file, from, at, at + to - from);
  for (let cell = 0; cell < layout.tokens; cell++) {
    const offset = layout.cellsOffset + cell * CELL_BYTES;
    file.writeInt32LE(cell, offset);
    file.writeUInt32LE(1, offset + U32);
    file.writeInt32LE(layout.sequence, offset + 2 * U32);
  }
}

function gaps(layout: StateLayout): [number, number][] {
  const filled = [
    { from: layout.cellsOffset, to: layout.cellsOffset + layout.tokens * CELL_BYTES },
    ...layout.groups.map(({ offset, unit, repeat }) => ({ from: offset, to: offset + unit * repeat * layout.tokens })),
  ].sort((a, b) => a.from - b.from);
  const result: [number, number][] = [];
  let at = 0;
  for (const { from, to } of filled) {
    if (from > at) result.push([at, from]);
    at = to;
  }
  if (at < layout.fileBytes) result.push([at, layout.fileBytes]);
  return result;
}
