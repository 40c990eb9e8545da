import { describe, expect, it } from 'vitest';
import { RetentionScript } from '../../testing/retention-script.ts';
import { AGE_BUCKETS, HitDensities, ageBucket } from './hit-densities.ts';
import { lhd } from './policy.ts';

describe('HitDensities', () => {
  it('is the hits to come over the time to come, of what has reached an age', () => {
    const densities = new HitDensities(1, 0.5);
    for (let hit = 0; hit < 3; hit++) densities.countHit(0, 0);
    densities.countEviction(0, 1);
    densities.renew();
    // Age 0 is bucket 0, age 1 bucket 4. All four pass through bucket 0, the one that was evicted through 1 to 4 as well.
    const widthOf = (from: number, to: number): number => 2 ** (to / 4) - 2 ** (from / 4);
    expect([ageBucket(0), ageBucket(1)]).toEqual([0, 4]);
    expect(densities.density(0, 0)).toBeCloseTo(3 / (4 * widthOf(0, 1) + widthOf(1, 5)), 5);
    expect(densities.density(0, 1)).toBe(0);
    // The counts have halved; one more hit at age 1 makes 1.5 hits at age 0, and 1 hit and half an eviction at age 1.
    densities.countHit(0, 1);
    densities.renew();
    expect(densities.density(0, 1)).toBeCloseTo(1 / (1.5 * widthOf(4, 5)), 5);
    expect(densities.density(0, 0)).toBeCloseTo(2.5 / (3 * widthOf(0, 1) + 1.5 * widthOf(1, 5)), 5);
  });

  it('falls with age until something is known, and takes any age', () => {
    const densities = new HitDensities(1, 0.9);
    expect(densities.density(0, 0)).toBeGreaterThan(densities.density(0, 100));
    expect(ageBucket(1e12)).toBe(AGE_BUCKETS - 1);
  });
});

describe('lhd', () => {
  it('evicts what it knows not to be used again before what it knows to be, although it is newer', () => {
    const script = new RetentionScript(lhd, { explorerShare: 0 }, 8);
    const names = [...'abcdefghijklmnopqrstuvwxyz'];
    // The loop is used every other call; each block of the scan once, and is dropped three calls later.
    for (let turn = 0; turn < 200; turn++) {
      script.call('one', 'loop', 'L');
      const block = names[turn % names.length];
      script.call('two', 'scan', block);
      const old = names[(turn + names.length - 3) % names.length];
      if (turn >= 3) script.drop(old);
    }
    script.call('one', 'loop', 'L');
    script.call('two', 'scan', '1');
    expect(script.victims().at(-1)).toBe('L');
    expect(script.value('L')).toBeGreaterThan(script.value('1'));
  });

  it('keeps explorers to the last', () => {
    const script = new RetentionScript(lhd, { explorerOdds: 1, explorerShare: 0.01 }, 100);
    script.call('one', 'planner', 'a'); // the one block that may explore
    script.call('one', 'planner', 'b');
    script.call('one', 'planner', 'c');
    expect(script.victims()).toBe('bca');
  });
});
