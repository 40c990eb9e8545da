/** What engines of vLLM's and SGLang's kind publish of their caches, whatever the encoding. */
import type { BlockHash } from './block-hash.ts';

export interface BlockStored {
  readonly type: 'stored';
  /** A chain: each is the parent of the next. */
  readonly hashes: readonly BlockHash[];
  /** The block before the first; undefined: it is the first of its prompt. */
  readonly parent: BlockHash | undefined;
  /** Of all its blocks, one after another; empty where the engine does not tell. */
  readonly tokens: readonly number[];
  /** 0: it does not tell. */
  readonly blockTokens: number;
  /** What beside tokens went into each block's hash (salts, adapters, images), as text. */
  readonly extraKeys: readonly (readonly string[] | undefined)[];
  readonly medium: Medium;
  readonly group: number;
  /** `full_attention` or another kind of cache; undefined where the engine does not tell. */
  readonly kind: string | undefined;
  /** As the request named it. */
  readonly session: string | undefined;
}

export interface BlockRemoved {
  readonly type: 'removed';
  readonly hashes: readonly BlockHash[];
  readonly medium: Medium;
  readonly group: number;
}

export interface BlocksCleared { readonly type: 'cleared' }

export type KvEvent = BlockStored | BlockRemoved | BlocksCleared;

/** Where a block lies: the accelerator's memory, or a tier below it. */
export type Medium = 'device' | 'below';

export interface KvBatch {
  /** Seconds since the epoch, by the engine's clock. */
  readonly atSeconds: number;
  readonly rank: number | undefined;
  readonly events: readonly KvEvent[];
  /** What was left out because it could not be read: a few words each. */
  readonly faults: readonly KvFault[];
}

/** The kinds of what can be wrong with a message: a bounded set, for metrics. */
export type KvFault = 'kv-frame-garbage' | 'kv-event-unknown' | 'kv-event-malformed';
