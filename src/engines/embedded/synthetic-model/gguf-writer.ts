/**
 * Writes GGUF version 3, the model file format of llama.cpp: a header of key-value metadata and tensor
 * descriptions, then the tensors, each aligned to 32 bytes. Little-endian throughout.
 * Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export type MetadataValue =
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'uint32'; readonly value: number }
  | { readonly type: 'float32'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'float32s'; readonly value: readonly number[] }
  | { readonly type: 'int32s'; readonly value: readonly number[] };

export interface Tensor {
  readonly name: string;
  /** Innermost dimension first, as ggml counts. */
  readonly shape: readonly number[];
  readonly type: 'f32' | 'q8_0';
  readonly bytes: Uint8Array;
}

const ALIGNMENT = 32;
const VERSION = 3;
const VALUE_TYPE = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 } as const;
const TENSOR_TYPE = { f32: 0, q8_0: 8 } as const;

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
function float32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}
function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([uint64(bytes.length), bytes]);
}
function array<Item>(elementType: number, items: readonly Item[], encode: (item: Item) => Buffer): Buffer {
  return Buffer.concat([uint32(VALUE_TYPE.array), uint32(elementType), uint64(items.length), ...items.map(encode)]);
}

function encodeValue(metadata: MetadataValue): Buffer {
  switch (metadata.type) {
    case 'string': return Buffer.concat([uint32(VALUE_TYPE.string), text(metadata.value)]);
    case 'uint32': return Buffer.concat([uint32(VALUE_TYPE.uint32), uint32(metadata.value)]);
    case 'float32': return Buffer.concat([uint32(VALUE_TYPE.float32), float32(metadata.value)]);
    case 'bool': return Buffer.concat([uint32(VALUE_TYPE.bool), Buffer.from([metadata.value ? 1 : 0])]);
    case 'strings': return array(VALUE_TYPE.string, metadata.value, text);
    case 'float32s': return array(VALUE_TYPE.float32, metadata.value, float32);
    case 'int32s': return array(VALUE_TYPE.int32, metadata.value, int32);
  }
}

function padding(length: number): Buffer {
  return Buffer.alloc((ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT);
}

/** The whole file, in pieces to be written one after another. */
export function ggufPieces(metadata: Readonly<Record<string, MetadataValue>>, tensors: readonly Tensor[]): Uint8Array[] {
  const entries = Object.entries(metadata);
  const header = [Buffer.from('GGUF'), uint32(VERSION), uint64(tensors.length), uint64(entries.length)];
  for (const [key, value] of entries) header.push(text(key), encodeValue(value));
  let offset = 0;
  for (const tensor of tensors) {
    header.push(text(tensor.name), uint32(tensor.shape.length), ...tensor.shape.map(uint64), uint32(TENSOR_TYPE[tensor.type]), uint64(offset));
    offset += tensor.bytes.length + padding(tensor.bytes.length).length;
  }
  const head = Buffer.concat(header);
  const pieces: Uint8Array[] = [head, padding(head.length)];
  for (const tensor of tensors) pieces.push(tensor.bytes, padding(tensor.bytes.length));
  return pieces;
}
