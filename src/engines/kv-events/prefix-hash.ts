/**
 * vLLM's names of blocks where it runs with `--prefix-caching-hash-algo sha256_cbor`: what its cache holds of a prompt can
 * then be told from the prompt alone. A block's hash is that of the canonical CBOR (RFC 8949, section 4.2) of
 * [hash of the block before it, its tokens, what else went in]; the block before the first is a constant.
 */
import { createHash } from 'node:crypto';

const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();

/** Major types of CBOR. */
const UNSIGNED = 0;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const NULL = Buffer.of(0xf6);

function writeHead(into: Buffer, at: number, major: number, value: number): number {
  const type = major << 5;
  if (value < 24) return into.writeUInt8(type | value, at);
  if (value < 0x100) return into.writeUInt8(value, into.writeUInt8(type | 24, at));
  if (value < 0x1_0000) return into.writeUInt16BE(value, into.writeUInt8(type | 25, at));
  return into.writeUInt32BE(value, into.writeUInt8(type | 26, at));
}

const LONGEST_HEAD = 5;

function text(value: string): Buffer {
  const content = Buffer.from(value);
  const head = Buffer.alloc(LONGEST_HEAD);
  return Buffer.concat([head.subarray(0, writeHead(head, 0, TEXT, content.length)), content]);
}

const BEFORE_THE_FIRST = sha256(text('vllm-none-hash'));

/**
 * @param salt `cache_salt` of the request, which goes into the first block
 * @returns the key of each full block, root first: the last 64 bits of its hash, as events have it
 */
export function prefixKeys(tokens: ArrayLike<number>, blockTokens: number, salt?: string): bigint[] {
  const keys: bigint[] = [];
  const encoded = Buffer.alloc(2 * LONGEST_HEAD + BEFORE_THE_FIRST.length + LONGEST_HEAD * (blockTokens + 1));
  let before = BEFORE_THE_FIRST;
  for (let from = 0; from + blockTokens <= tokens.length; from += blockTokens) {
    let end = writeHead(encoded, 0, ARRAY, 3);
    end = writeHead(encoded, end, BYTES, before.length);
    end += before.copy(encoded, end);
    end = writeHead(encoded, end, ARRAY, blockTokens);
    for (let at = from; at < from + blockTokens; at++) end = writeHead(encoded, end, UNSIGNED, tokens[at]);
    before = sha256(Buffer.concat([encoded.subarray(0, end), from === 0 && salt !== undefined ? extra('cache_salt', salt) : NULL]));
    keys.push(before.readBigUInt64BE(before.length - 8));
  }
  return keys;
}

/** One pair of a name and a value. */
const extra = (name: string, value: string): Buffer => Buffer.concat([Buffer.of((ARRAY << 5) | 1, (ARRAY << 5) | 2), text(name), text(value)]);
