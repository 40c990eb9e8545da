/**
 * Reads the payload of a KV event message: `[seconds, events, rank?]`. Events are maps tagged `type` (vLLM since June
 * 2026, Dynamo) or arrays whose first element is the tag (vLLM before, SGLang). What cannot be read is named and left out.
 */
import type { Unpackr } from 'msgpackr';
import { blockHash, type BlockHash } from './block-hash.ts';
import type { BlockRemoved, BlockStored, KvBatch, KvEvent, KvFault, Medium } from './event.ts';
import { isWellFormed } from './well-formed.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Names of the positions after the tag. SGLang has a map of metadata where vLLM has `lora_name`. */
const POSITIONS: Readonly<Record<string, readonly string[]>> = {
  BlockStored: ['block_hashes', 'parent_block_hash', 'token_ids', 'block_size', 'lora_id', 'medium', 'lora_name', 'extra_keys', 'group_idx', 'kv_cache_spec_kind'],
  BlockRemoved: ['block_hashes', 'medium', 'group_idx'],
};

/** Most blocks that one event may name: more than any prompt has. */
const MOST_HASHES = 1 << 20;

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

export class KvDecoder {
  readonly #unpackr: Unpackr;

  constructor(unpackr: Unpackr) {
    this.#unpackr = unpackr;
  }

  /** Never throws. */
  decode(payload: Uint8Array): KvBatch {
    const root = this.#unpack(payload);
    if (!Array.isArray(root) || !Array.isArray(root[1])) return { atSeconds: 0, rank: undefined, events: [], faults: ['kv-frame-garbage'] };
    const events: KvEvent[] = [];
    const faults: KvFault[] = [];
    for (const raw of root[1] as readonly unknown[]) {
      const event = readEvent(raw);
      if (typeof event === 'string') faults.push(event);
      else events.push(event);
    }
    return { atSeconds: typeof root[0] === 'number' ? root[0] : 0, rank: typeof root[2] === 'number' ? root[2] : undefined, events, faults };
  }

  #unpack(payload: Uint8Array): unknown {
    if (!isWellFormed(payload)) return undefined;
    try {
      return this.#unpackr.unpack(payload);
    } catch {
      // What it cannot make of well-formed bytes (an extension that it does not know) is garbage like the rest, and counted so.
      return undefined;
    }
  }
}

function readEvent(raw: unknown): KvEvent | KvFault {
  const [tag, fields] = Array.isArray(raw) ? positional(raw as readonly unknown[]) : isFields(raw) ? [raw.type, raw] : [undefined, {}];
  if (tag === 'AllBlocksCleared') return { type: 'cleared' };
  if (tag === 'BlockStored') return readStored(fields) ?? 'kv-event-malformed';
  if (tag === 'BlockRemoved') return readRemoved(fields) ?? 'kv-event-malformed';
  return typeof tag === 'string' ? 'kv-event-unknown' : 'kv-event-malformed';
}

function positional(raw: readonly unknown[]): readonly [unknown, Fields] {
  const names = typeof raw[0] === 'string' && Object.hasOwn(POSITIONS, raw[0]) ? POSITIONS[raw[0]] : [];
  return [raw[0], Object.fromEntries(names.map((name, index) => [name, raw[index + 1]]))];
}

function readHashes(value: unknown): BlockHash[] | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.length > MOST_HASHES) return undefined;
  const hashes: BlockHash[] = [];
  for (const raw of value as readonly unknown[]) {
    const hash = blockHash(raw);
    if (hash === undefined) return undefined;
    hashes.push(hash);
  }
  return hashes;
}

function readStored(fields: Fields): BlockStored | undefined {
  const hashes = readHashes(fields.block_hashes);
  const blockTokens = Number(fields.block_size);
  const absent = fields.parent_block_hash === null || fields.parent_block_hash === undefined;
  const parent = absent ? undefined : blockHash(fields.parent_block_hash);
  // vLLM's offloading says of what it moves no more than the hash: no tokens, and a size of 0.
  const sized = blockTokens > 0 || (blockTokens === 0 && Array.isArray(fields.token_ids) && fields.token_ids.length === 0);
  if (hashes === undefined || !sized || (!absent && parent === undefined)) return undefined;
  return {
    type: 'stored', hashes, parent, blockTokens,
    tokens: Array.isArray(fields.token_ids) ? (fields.token_ids as readonly number[]) : [],
    extraKeys: Array.isArray(fields.extra_keys) ? (fields.extra_keys as readonly unknown[]).map(readKeys) : [],
    medium: readMedium(fields.medium), group: readGroup(fields.group_idx),
    kind: typeof fields.kv_cache_spec_kind === 'string' ? fields.kv_cache_spec_kind : undefined,
    session: readSession(fields),
  };
}

function readRemoved(fields: Fields): BlockRemoved | undefined {
  const hashes = readHashes(fields.block_hashes);
  return hashes === undefined ? undefined : { type: 'removed', hashes, medium: readMedium(fields.medium), group: readGroup(fields.group_idx) };
}

/** In SGLang's arrays it is in a map of metadata, where vLLM's have `lora_name`. */
function readSession({ session_id: session, lora_name: metadata }: Fields): string | undefined {
  if (typeof session === 'string') return session;
  return isFields(metadata) && typeof metadata.session_id === 'string' ? metadata.session_id : undefined;
}

const readGroup = (value: unknown): number => (typeof value === 'number' && Number.isInteger(value) ? value : 0);

function readKeys(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) ? (value as readonly unknown[]).filter((key): key is string => typeof key === 'string') : undefined;
}

/** `GPU` or nothing: where attention reads it. Anything else (CPU, DISK, STORAGE) lies below. */
function readMedium(value: unknown): Medium {
  return typeof value !== 'string' || /^(?:gpu|device|hbm)$/i.test(value) ? 'device' : 'below';
}
