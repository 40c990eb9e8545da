import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, test, vi } from 'vitest';
import { agentId, instanceId, seededRandom, sessionId, tenantId, workloadId, type Coordinate, type TenantId, type UnitId } from '../../../core/index.ts';
import { loadDecoder } from '../../kv-events/libraries.ts';
import { BlockPoolModel, chainHash } from '../testing/block-pool-model.ts';
import { StrictIndex } from '../testing/strict-index.ts';
import { packKeys } from '../side-channel/messages.ts';
import { Mirror, type MirrorTrouble } from './mirror.ts';
import { LooseBlocks } from './loose-blocks.ts';
import { UnitIds } from './unit-ids.ts';

const decoder = await loadDecoder();
const packr = new Packr({ useRecords: false });
const ALICE = tenantId('alice');
const BOB = tenantId('bob');

const by = (tenant: TenantId): Coordinate => ({ tenant, workload: workloadId('w'), session: sessionId('s'), agent: agentId('a'), instance: instanceId('a'), step: 0 });

class World {
  readonly indices = new Map<TenantId, StrictIndex>([[ALICE, new StrictIndex()], [BOB, new StrictIndex()]]);
  readonly troubles: MirrorTrouble[] = [];
  readonly told = new Set<UnitId>();
  readonly mirror: Mirror;

  constructor(maximumBlocks?: number, ids = new UnitIds()) {
    this.mirror = new Mirror({
      ids,
      index: (tenant) => this.indices.get(tenant), nowMs: () => 0, marginalPrefillMs: (depth) => 1 + depth,
      onStored: (units) => { for (const unit of units) this.told.add(unit); },
      onRemoved: (units) => { for (const unit of units) this.told.delete(unit); },
      trouble: (kind) => { this.troubles.push(kind); },
      ...(maximumBlocks === undefined ? {} : { maximumBlocks }),
    });
  }

  play(events: readonly unknown[], rank = 0): void { this.mirror.apply(rank, decoder.decode(packr.pack([0, events])).events); }

  held(rank = 0): Map<bigint, number> { return new Map([...this.mirror.rank(rank).all()].filter(({ copies }) => copies > 0).map(({ key, copies }) => [key, copies])); }

  /** What each index believes to be resident is, and nothing else of its tenant's. */
  agrees(): void {
    for (const [tenant, { units }] of this.indices) {
      for (const [unit, { resident }] of units) expect([tenant, this.mirror.block(unit)?.owner, resident]).toEqual([tenant, tenant, (this.mirror.block(unit)?.copies ?? 0) > 0]);
    }
  }
}

const stored = (hashes: readonly bigint[], parent: bigint | null = null, more: object = {}): unknown => ({ type: 'BlockStored', block_hashes: hashes, parent_block_hash: parent, token_ids: [], block_size: 1, medium: 'GPU', ...more });
const removed = (hash: bigint, more: object = {}): unknown => ({ type: 'BlockRemoved', block_hashes: [hash], medium: 'GPU', ...more });

describe('the mirror of a cache', () => {
  test('agrees with the engine whatever it serves, in every encoding', () => {
    const call = fc.record({ tokens: fc.array(fc.nat(2), { minLength: 1, maxLength: 8 }), tenant: fc.constantFrom(ALICE, BOB), report: fc.boolean() });
    fc.assert(fc.property(fc.array(fc.oneof({ weight: 20, arbitrary: call }, { weight: 1, arbitrary: fc.constant('clear' as const) }), { maxLength: 60 }), fc.boolean(), fc.boolean(), (steps, positional, wholeDigests) => {
      const engine = new BlockPoolModel({ blocks: 12, random: seededRandom(1), positional, wholeDigests });
      const world = new World();
      for (const step of steps) {
        if (step === 'clear') engine.clear();
        else {
          const keys = engine.serve(step.tokens);
          // What a call used is told before, after, or without the events of what it stored.
          if (step.report) world.mirror.use({ rank: 0, by: by(step.tenant), keys: packKeys(keys), first: 0, origin: 'prompt' });
        }
        world.play(engine.takeEvents());
        expect(world.held()).toEqual(engine.held());
        expect(world.told.size).toBe(engine.held().size);
        world.agrees();
      }
      expect(world.troubles).toEqual([]);
    }));
  });

  test('takes events of any kind in any order without throwing, and stays within its bound', () => {
    const hash = fc.bigInt({ min: 0n, max: 12n });
    const event = fc.oneof(
      fc.record({ type: fc.constant('BlockStored'), block_hashes: fc.array(hash, { minLength: 1, maxLength: 4 }), parent_block_hash: fc.option(hash), block_size: fc.constant(1), group_idx: fc.nat(1), medium: fc.constantFrom('GPU', 'CPU', null) }),
      fc.record({ type: fc.constant('BlockRemoved'), block_hashes: fc.array(hash, { minLength: 1, maxLength: 2 }), group_idx: fc.nat(1), medium: fc.constantFrom('GPU', 'CPU') }),
      fc.constant({ type: 'AllBlocksCleared' }),
    );
    const use = fc.record({ use: fc.array(hash, { maxLength: 5 }), first: fc.nat(5), tenant: fc.constantFrom(ALICE, BOB) });
    fc.assert(fc.property(fc.array(fc.oneof(event, use), { maxLength: 80 }), (steps) => {
      const world = new World(10);
      for (const step of steps) {
        if ('use' in step) world.mirror.use({ rank: 0, by: by(step.tenant), keys: packKeys(step.use), first: step.first, origin: 'prompt' });
        else world.play([step]);
        expect(world.mirror.size).toBeLessThanOrEqual(10);
        expect(world.mirror.residentBlocks).toBe(world.told.size);
        world.agrees();
      }
    }));
  });

  test('counts copies: a block is there until its last copy has gone', () => {
    const world = new World();
    world.play([stored([1n, 2n]), stored([2n], 1n), removed(2n)]);
    expect(world.held()).toEqual(new Map([[1n, 1], [2n, 1]]));
    world.play([removed(2n)]);
    expect(world.held()).toEqual(new Map([[1n, 1]]));
  });

  test('names what does not go together', () => {
    const world = new World(4);
    world.play([removed(9n), stored([1n], 7n), stored([1n], 8n), stored([2n, 3n])]);
    expect(world.troubles).toEqual(['kv-removed-unknown', 'kv-parent-unknown', 'kv-parent-unknown', 'kv-hash-collision', 'kv-mirror-full']);
  });

  test('reads one group of a hybrid model, and leaves the others', () => {
    const world = new World();
    world.play([stored([5n], null, { group_idx: 0, kv_cache_spec_kind: 'sliding_window' }), stored([5n], null, { group_idx: 1, kv_cache_spec_kind: 'full_attention' }), removed(5n, { group_idx: 0 })]);
    expect(world.held()).toEqual(new Map([[5n, 1]]));
    world.play([removed(5n, { group_idx: 1 })]);
    expect(world.held().size).toBe(0);
  });

  test('keeps ranks apart: a block of one is not there in the other', () => {
    const world = new World();
    world.play([stored([1n])], 0);
    world.play([stored([1n, 2n])], 1);
    world.mirror.clear(0);
    expect([world.held(0).size, world.held(1).size]).toEqual([0, 2]);
  });

  test('what is moved below without a word of what it follows stays where it is known to be', () => {
    const world = new World();
    const moved = (hash: bigint): unknown => stored([hash], null, { medium: 'CPU', block_size: 0 });
    world.play([moved(2n), stored([1n, 2n, 3n]), moved(3n), removed(3n)]);
    expect(world.troubles).toEqual([]);
    expect([2n, 3n].map((key) => { const block = world.mirror.rank(0).find(key); return [block?.parent?.key, block?.copies, block?.below]; })).toEqual([[1n, 1, 1], [2n, 0, 1]]);
  });

  test('what lies below the accelerator is not resident', () => {
    const world = new World();
    world.play([stored([1n], null, { medium: 'CPU' })]);
    expect(world.held().size).toBe(0);
    expect(world.mirror.rank(0).find(1n)?.below).toBe(1);
  });

  test('tells an index of its own tenant\'s calls only, and what was there before them', () => {
    const world = new World();
    world.play([stored([1n, 2n])]);
    expect(world.mirror.use({ rank: 0, by: by(ALICE), keys: packKeys([1n, 2n, 3n]), first: 0, origin: 'prompt' })?.length).toBe(3);
    expect(world.mirror.use({ rank: 0, by: by(BOB), keys: packKeys([1n, 9n]), first: 0, origin: 'prompt' })?.length).toBe(0);
    expect([...world.indices.get(ALICE)?.units.values() ?? []].map(({ unit, resident }) => [unit.parent !== undefined, resident])).toEqual([[false, true], [true, true], [true, false]]);
    expect(world.indices.get(BOB)?.units.size).toBe(0);
  });

  test('forgets the longest absent first, children before parents, and its ids are used again', () => {
    const world = new World();
    world.mirror.rank(0).capacityBlocks = 10;
    for (let prompt = 0; prompt < 4000; prompt++) {
      const keys = [chainHash(1n, prompt), chainHash(chainHash(1n, prompt), 0)];
      world.play([stored(keys)]);
      world.mirror.use({ rank: 0, by: by(ALICE), keys: packKeys(keys), first: 0, origin: 'prompt' });
      world.play(keys.toReversed().map((key) => removed(key)));
    }
    expect(world.mirror.size).toBeLessThanOrEqual(4096 * 1.125 + 2);
    expect(world.indices.get(ALICE)?.units.size).toBe(world.mirror.size);
    world.agrees();
  });

  test('takes the engine\'s own word over what events told', () => {
    const world = new World();
    world.play([stored([1n, 2n, 3n])]);
    world.mirror.use({ rank: 0, by: by(ALICE), keys: packKeys([1n, 2n, 3n]), first: 0, origin: 'prompt' });
    expect(world.mirror.reconcile(0, new Map([[1n, 2], [2n, 1], [4n, 1]]))).toEqual({ missing: 1, surplus: 1, agreed: 2 });
    expect(world.held()).toEqual(new Map([[1n, 2], [2n, 1], [4n, 1]]));
    world.agrees();
  });

  test('with a tier below, an event costs no look at what lies there', () => {
    const world = new World();
    world.mirror.rank(0).capacityBlocks = 10;
    const key = (prompt: number): bigint => chainHash(1n, prompt);
    const BELOW = 20_000;
    for (let prompt = 0; prompt < BELOW; prompt++) world.play([stored([key(prompt)]), stored([key(prompt)], null, { medium: 'CPU' }), removed(key(prompt))]);
    // More than is remembered of what is nowhere, and all of it somewhere.
    expect([world.mirror.size, world.mirror.rank(0).absent]).toEqual([BELOW, 0]);
    const looks = vi.spyOn(LooseBlocks.prototype, 'takeOldest');
    for (let prompt = BELOW; prompt < BELOW + 100; prompt++) world.play([stored([key(prompt)])]);
    expect(looks.mock.calls.length).toBe(0);
    for (let prompt = 0; prompt < 8000; prompt++) world.play([removed(key(prompt), { medium: 'CPU' })]);
    // Each that is let go of is looked at once.
    expect([world.mirror.rank(0).absent, looks.mock.calls.length]).toEqual([4096, 8000 - 4096]);
    looks.mockRestore();
  });

  test('what follows a mirror on the same indices never shares an id with it, and finds nothing of it', () => {
    const ids = new UnitIds();
    const first = new World(undefined, ids);
    const second = new World(undefined, ids);
    for (const [tenant, index] of first.indices) second.indices.set(tenant, index);
    const chain = [1n, 2n, 3n];
    first.play([stored(chain)]);
    second.play([stored(chain)]);
    // Both are told of the same call while the one is not yet let go of; the index throws at an id for two blocks.
    for (const { mirror } of [first, second]) mirror.use({ rank: 0, by: by(ALICE), keys: packKeys(chain), first: 0, origin: 'prompt' });
    first.play([stored([4n], 1n)]);
    first.mirror.use({ rank: 0, by: by(ALICE), keys: packKeys([1n, 4n]), first: 0, origin: 'prompt' });
    first.mirror.dispose();
    expect([first.mirror.size, first.told.size]).toEqual([0, 0]);
    second.agrees();
    expect(second.indices.get(ALICE)?.units.size).toBe(3);
    second.mirror.dispose();
    expect(second.indices.get(ALICE)?.units.size).toBe(0);
  });
});
