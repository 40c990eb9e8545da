import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { blockHash, shortHash } from './block-hash.ts';
import { loadDecoder } from './libraries.ts';
import { isWellFormed } from './well-formed.ts';

const decoder = await loadDecoder();
const packr = new Packr({ useRecords: false });
const HASH = 15050080603146365459n;
const CHILD = 5961576115933254287n;

const stored = { type: 'BlockStored', block_hashes: [HASH, CHILD], parent_block_hash: null, token_ids: [1, 2, 3, 4], block_size: 2, lora_id: null, medium: 'GPU', lora_name: null, extra_keys: [['salt'], null], group_idx: 0, kv_cache_spec_kind: 'full_attention', session_id: 'one' };
const decoded = { type: 'stored', hashes: [HASH, CHILD], parent: undefined, tokens: [1, 2, 3, 4], blockTokens: 2, extraKeys: [['salt'], undefined], medium: 'device', group: 0, kind: 'full_attention', session: 'one' };

describe('a payload', () => {
  test('of maps keeps 64-bit hashes exact', () => {
    const batch = decoder.decode(packr.pack([12.5, [stored, { type: 'BlockRemoved', block_hashes: [HASH], medium: 'GPU' }, { type: 'AllBlocksCleared' }], 3]));
    expect(batch).toEqual({ atSeconds: 12.5, rank: 3, faults: [], events: [decoded, { type: 'removed', hashes: [HASH], medium: 'device', group: 0 }, { type: 'cleared' }] });
  });

  test('of positions reads the same, as vLLM before and SGLang write it', () => {
    const old = ['BlockStored', [HASH, CHILD], null, [1, 2, 3, 4], 2, null, 'GPU', null, [['salt'], null], 0, 'full_attention'];
    const sglang = ['BlockStored', [HASH], CHILD, [1, 2], 2, null, null, { some: 'metadata' }];
    const batch = decoder.decode(packr.pack([1, [old, sglang, ['BlockRemoved', [CHILD], 'CPU'], ['AllBlocksCleared']]]));
    expect(batch.faults).toEqual([]);
    expect(batch.events[0]).toEqual({ ...decoded, session: undefined });
    expect(batch.events[1]).toMatchObject({ type: 'stored', hashes: [HASH], parent: CHILD, medium: 'device' });
    expect(batch.events[2]).toMatchObject({ type: 'removed', medium: 'below' });
    expect(batch.events[3]).toEqual({ type: 'cleared' });
  });

  test('of what was moved to a tier below says the hash alone, and is read', () => {
    const moved = { type: 'BlockStored', block_hashes: [HASH], parent_block_hash: null, token_ids: [], block_size: 0, medium: 'CPU', group_idx: 0 };
    const { events, faults } = decoder.decode(packr.pack([1, [moved, { ...moved, token_ids: [1] }]]));
    expect(events).toEqual([expect.objectContaining({ hashes: [HASH], medium: 'below', tokens: [] })]);
    expect(faults).toEqual(['kv-event-malformed']);
  });

  test('with whole digests gives hexadecimal text, whose end is the short hash', () => {
    const digest = Buffer.from('59f482d66cd52a8e616e70ba5c4a235820bd45762d358521844209eb6fb1908f', 'hex');
    const [event] = decoder.decode(packr.pack([1, [{ ...stored, block_hashes: [digest], token_ids: [] }]])).events;
    expect(event).toMatchObject({ hashes: [digest.toString('hex')] });
    expect(shortHash(digest.toString('hex'))).toBe(0x844209eb6fb1908fn);
    expect(shortHash(HASH)).toBe(HASH);
  });

  test('keeps what can be read of a batch, and names what cannot', () => {
    const batch = decoder.decode(packr.pack([1, [{ type: 'BlockInactive' }, 7, { type: 'BlockStored', block_hashes: ['x'], block_size: 2 }, { ...stored, block_size: 0 }, { type: 'BlockRemoved', block_hashes: [] }, { type: 'AllBlocksCleared' }]]));
    expect(batch.events).toEqual([{ type: 'cleared' }]);
    expect(batch.faults).toEqual(['kv-event-unknown', 'kv-event-malformed', 'kv-event-malformed', 'kv-event-malformed', 'kv-event-malformed']);
  });

  test('of any bytes at all never throws', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const batch = decoder.decode(bytes);
      expect(batch.events.length === 0 || batch.faults.length >= 0).toBe(true);
    }), { numRuns: 2000 });
    fc.assert(fc.property(fc.jsonValue(), (value) => { decoder.decode(packr.pack([1, [value, { type: 'BlockStored', block_hashes: value, block_size: 1 }]])); }));
  });

  test('that announces more than it holds is refused before room is made for it', () => {
    // An array of 4 billion arrays of 4 billion.
    expect(isWellFormed(Buffer.from('ddffffffffddffffffff', 'hex'))).toBe(false);
    expect(isWellFormed(Buffer.alloc(64, 0x91))).toBe(false);
    expect(decoder.decode(Buffer.from('93cb0000000000000000ddffffffffc0', 'hex')).faults).toEqual(['kv-frame-garbage']);
  });

  test('well formed is what an encoder writes, whole', () => {
    fc.assert(fc.property(fc.anything({ maxDepth: 4, withBigInt: false }), (value) => {
      const bytes = packr.pack(JSON.parse(JSON.stringify(value ?? null) ?? 'null'));
      expect(isWellFormed(bytes)).toBe(true);
      expect(isWellFormed(bytes.subarray(0, -1))).toBe(false);
      expect(isWellFormed(Buffer.concat([bytes, Buffer.from([0xc0])]))).toBe(false);
    }));
  });
});

test('what is no hash is none', () => {
  expect([blockHash('0f'), blockHash(1.5), blockHash(null), blockHash(new Uint8Array(0)), blockHash(new Uint8Array(65))]).toEqual([undefined, undefined, undefined, undefined, undefined]);
  expect(blockHash(7)).toBe(7n);
});
