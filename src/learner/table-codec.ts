/** Bytes of learned tables: a header with version, the tables in order, and a checksum. Little-endian. */
import { EntresolError } from '../core/index.ts';

const MAGIC = 0x4c544e45; // "ENTL"
const HEADER_BYTES = 12;
const CHECKSUM_BYTES = 4;

export class TableWriter {
  private readonly chunks: Uint8Array[] = [];
  private length = 0;

  bytes(values: Uint8Array): void {
    this.chunks.push(values.slice());
    this.length += values.length;
  }
  numbers(values: ArrayLike<number>, kind: 'u16' | 'u32' | 'f32' | 'f64'): void {
    const width = kind === 'u16' ? 2 : kind === 'f64' ? 8 : 4;
    const view = new DataView(new ArrayBuffer(values.length * width));
    for (let index = 0; index < values.length; index++) {
      if (kind === 'u16') view.setUint16(index * 2, values[index], true);
      else if (kind === 'u32') view.setUint32(index * 4, values[index], true);
      else if (kind === 'f32') view.setFloat32(index * 4, values[index], true);
      else view.setFloat64(index * 8, values[index], true);
    }
    this.bytes(new Uint8Array(view.buffer));
  }
  text(value: string): void {
    const encoded = new TextEncoder().encode(value);
    this.numbers([encoded.length], 'u16');
    this.bytes(encoded);
  }

  finish(version: number): Uint8Array {
    const result = new Uint8Array(HEADER_BYTES + this.length + CHECKSUM_BYTES);
    const view = new DataView(result.buffer);
    view.setUint32(0, MAGIC, true);
    view.setUint32(4, version, true);
    view.setUint32(8, this.length, true);
    let offset = HEADER_BYTES;
    for (const chunk of this.chunks) {
      result.set(chunk, offset);
      offset += chunk.length;
    }
    view.setUint32(offset, checksum(result, offset), true);
    return result;
  }
}

/** Bounds of what may be read, both included. NaN lies within none. */
export interface Bounds {
  readonly least?: number;
  readonly most?: number;
}

export class TableReader {
  private offset = HEADER_BYTES;
  private readonly view: DataView;
  private readonly source: Uint8Array;
  private readonly end: number;

  /** @throws EntresolError `ENT_SNAPSHOT_INVALID` unless these are whole, unharmed bytes of this very version. */
  constructor(source: Uint8Array, version: number) {
    this.source = source;
    this.view = new DataView(source.buffer, source.byteOffset, source.byteLength);
    this.end = source.length - CHECKSUM_BYTES;
    if (source.length < HEADER_BYTES + CHECKSUM_BYTES) throw invalid(`The snapshot has ${source.length} bytes, too few for a header.`);
    if (this.view.getUint32(0, true) !== MAGIC) throw invalid('The snapshot does not begin with its mark.');
    const found = this.view.getUint32(4, true);
    if (found !== version) throw invalid(`The snapshot is of version ${found}; this build reads version ${version}.`);
    if (this.view.getUint32(8, true) !== this.end - HEADER_BYTES) throw invalid('The snapshot is cut short or has bytes too many.');
    if (this.view.getUint32(this.end, true) !== checksum(source, this.end)) throw invalid('The checksum of the snapshot does not match.');
  }

  bytes(into: Uint8Array): void {
    this.need(into.length);
    into.set(this.source.subarray(this.offset, this.offset + into.length));
    this.offset += into.length;
  }
  /** @throws EntresolError `ENT_SNAPSHOT_INVALID` for a number that is not finite or out of bounds */
  numbers(into: { [index: number]: number; readonly length: number }, kind: 'u16' | 'u32' | 'f32' | 'f64', bounds: Bounds = {}): void {
    const { least = -Number.MAX_VALUE, most = Number.MAX_VALUE } = bounds;
    const width = kind === 'u16' ? 2 : kind === 'f64' ? 8 : 4;
    this.need(into.length * width);
    for (let index = 0; index < into.length; index++) {
      if (kind === 'u16') into[index] = this.view.getUint16(this.offset, true);
      else if (kind === 'u32') into[index] = this.view.getUint32(this.offset, true);
      else if (kind === 'f32') into[index] = this.view.getFloat32(this.offset, true);
      else into[index] = this.view.getFloat64(this.offset, true);
      if (!(into[index] >= least && into[index] <= most)) throw invalid(`The snapshot has ${into[index]} at byte ${this.offset}, where a number from ${least} to ${most} belongs.`);
      this.offset += width;
    }
  }
  text(): string {
    const length = new Uint16Array(1);
    this.numbers(length, 'u16');
    const encoded = new Uint8Array(length[0]);
    this.bytes(encoded);
    return new TextDecoder().decode(encoded);
  }
  /** @throws EntresolError `ENT_SNAPSHOT_INVALID` unless the numbers read go together. */
  demand(holds: boolean, what: string): void {
    if (!holds) throw invalid(`The snapshot is inconsistent: ${what}.`);
  }
  /** @throws EntresolError `ENT_SNAPSHOT_INVALID` if something is left. */
  finish(): void {
    if (this.offset !== this.end) throw invalid(`The snapshot has ${this.end - this.offset} bytes that no table wants.`);
  }

  private need(bytes: number): void {
    if (this.offset + bytes > this.end) throw invalid('The snapshot ends within a table.');
  }
}

function invalid(message: string): EntresolError {
  return new EntresolError('ENT_SNAPSHOT_INVALID', message);
}

/** FNV-1a over the first `length` bytes. */
function checksum(bytes: Uint8Array, length: number): number {
  let hash = 2166136261;
  for (let index = 0; index < length; index++) hash = Math.imul(hash ^ bytes[index], 16777619);
  return hash >>> 0;
}
