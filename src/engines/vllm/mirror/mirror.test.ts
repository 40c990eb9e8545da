import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { agentId, instanceId, seededRandom, sessionId, tenantId, workloadId, type CacheUnit, type Coordinate, type RetentionIndex, type TenantId, type UnitId } from '../../../core/index.ts';
import { loadDecoder } from '../../kv-events/libraries.ts';
import { BlockPoolModel, chainHash } from '../testing/block-pool-model.ts';
import { Mirror, type MirrorTrouble } from './mirror.ts';

const decoder = await loadDecoder();
const packr = new Packr({ useRecords: false });
const ALICE = tenantId('alice');
const BOB = tenantId('bob');

const by = (tenant: TenantId): Coordinate => ({ tenant, workload: workloadId('w'), session: sessionId('s'), agent: agentId('a'), instance: instanceId('a'), step: 0 });

/** Checks what an engine must keep to: define once, parents first, residence of what is defined, children forgotten first. */
class StrictIndex implements RetentionIndex {
  readonly units = new Map<UnitId, { unit: CacheUnit; resident: boolean; children: number }>();
  readonly touches: { units: number[]; first: number; origin: string }[] = [];

  define(unit: CacheUnit): void {
    if (this.units.has(unit.id)) throw new Error(`unit ${unit.id} is defined twice`);
    if (unit.parent !== undefined) {
      const parent = this.units.get(unit.parent);
      if (parent === undefined) throw new Error(`unit ${unit.id} before its parent ${unit.parent}`);
      parent.children += 1;
    }
    this.units.set(unit.id, { unit, resident: false, children: 0 });
  }
  touch({ units, first, origin }: { units: Int32Array; first: number; origin: string }): void {
    for (const unit of units) if (!this.units.has(unit as UnitId)) throw new Error(`touch of ${unit}, which is not defined`);
    this.touches.push({ units: [...units], first, origin });
  }
  setResident(unit: UnitId, resident: boolean): void {
    const known = this.units.get(unit);
    if (known === undefined) throw new Error(`residence of ${unit}, which is not defined`);
    known.resident = resident;
  }
  forget(unit: UnitId): void {
    const known = this.units.get(unit);
    if (known === undefined || known.resident || known.children > 0) throw new Error(`unit ${unit} cannot be forgotten`);
    const parent = known.unit.parent === undefined ? undefined : this.units.get(known.unit.parent);
    if (parent !== undefined) parent.children -= 1;
    this.units.delete(unit);
  }
  value(): number { return 0; }
  victims(): Iterable<UnitId> { return []; }
  leases(): readonly never[] { return []; }
  stateBytes(): { learned: number; working: number; ghosts: number } { return { learned: 0, working: 0, ghosts: 0 }; }
}

class World {
  readonly indices = new Map<TenantId, StrictIndex>([[ALICE, new StrictIndex()], [BOB, new StrictIndex()]]);
  readonly troubles: MirrorTrouble[] = [];
  readonly told = new Set<UnitId>();
  readonly mirror: Mirror;

  constructor(maximumBlocks?: number) {
    this.mirror = new Mirror({
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
          if (step.report) world.mirror.use({ rank: 0, by: by(step.tenant), keys, first: 0, origin: 'prompt' });
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
        if ('use' in step) world.mirror.use({ rank: 0, by: by(step.tenant), keys: step.use, first: step.first, origin: 'prompt' });
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

  test('what lies below the accelerator is not resident', () => {
    const world = new World();
    world.play([stored([1n], null, { medium: 'CPU' })]);
    expect(world.held().size).toBe(0);
    expect(world.mirror.rank(0).find(1n)?.below).toBe(1);
  });

  test('tells an index of its own tenant\'s calls only, and what was there before them', () => {
    const world = new World();
    world.play([stored([1n, 2n])]);
    expect(world.mirror.use({ rank: 0, by: by(ALICE), keys: [1n, 2n, 3n], first: 0, origin: 'prompt' })).toBe(3);
    expect(world.mirror.use({ rank: 0, by: by(BOB), keys: [1n, 9n], first: 0, origin: 'prompt' })).toBe(0);
    expect([...world.indices.get(ALICE)?.units.values() ?? []].map(({ unit, resident }) => [unit.parent !== undefined, resident])).toEqual([[false, true], [true, true], [true, false]]);
    expect(world.indices.get(BOB)?.units.size).toBe(0);
  });

  test('forgets the longest absent first, children before parents, and its ids are used again', () => {
    const world = new World();
    world.mirror.rank(0).capacityBlocks = 10;
    for (let prompt = 0; prompt < 4000; prompt++) {
      const keys = [chainHash(1n, prompt), chainHash(chainHash(1n, prompt), 0)];
      world.play([stored(keys)]);
      world.mirror.use({ rank: 0, by: by(ALICE), keys, first: 0, origin: 'prompt' });
      world.play(keys.toReversed().map((key) => removed(key)));
    }
    expect(world.mirror.size).toBeLessThanOrEqual(4096 * 1.125 + 2);
    expect(world.indices.get(ALICE)?.units.size).toBe(world.mirror.size);
    world.agrees();
  });

  test('takes the engine\'s own word over what events told', () => {
    const world = new World();
    world.play([stored([1n, 2n, 3n])]);
    world.mirror.use({ rank: 0, by: by(ALICE), keys: [1n, 2n, 3n], first: 0, origin: 'prompt' });
    expect(world.mirror.reconcile(0, new Map([[1n, 2], [2n, 1], [4n, 1]]))).toEqual({ missing: 1, surplus: 1, agreed: 2 });
    expect(world.held()).toEqual(new Map([[1n, 2], [2n, 1], [4n, 1]]));
    world.agrees();
  });
});
