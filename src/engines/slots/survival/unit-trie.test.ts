import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sessionId, tenantId } from '../../../core/index.ts';
import { joined, tokensOf } from '../testing/world.ts';
import type { Unit } from './held-state.ts';
import { UnitTrie } from './unit-trie.ts';

const tenant = tenantId('t');

describe('unit trie', () => {
  it('finds exactly the common prefix in whole units', () => {
    fc.assert(fc.property(fc.nat(120), fc.nat(80), fc.nat(80), (common, first, second) => {
      const trie = new UnitTrie(16, 1000, () => {});
      const prefix = tokensOf('common', common);
      const left = trie.chain(tenant, joined(prefix, Int32Array.of(1), tokensOf('left', first)), () => {});
      const right = trie.chain(tenant, joined(prefix, Int32Array.of(2), tokensOf('right', second)), () => {});
      const shared = left.filter((unit, at) => unit === right[at]).length;
      expect(shared).toBe(Math.min(Math.floor(common / 16), left.length, right.length));
    }));
  });

  it('keeps tenants apart', () => {
    const trie = new UnitTrie(16, 1000, () => {});
    const prompt = tokensOf('prompt', 64);
    expect(trie.chain(tenant, prompt, () => {})).toHaveLength(4);
    const other = tenantId('other');
    expect(trie.chain(other, prompt)).toEqual([]);
    const own = trie.chain(other, prompt, () => {});
    expect(own).toHaveLength(4);
    expect(own.map((unit) => unit.tenant)).toEqual([other, other, other, other]);
    expect([...trie.all(tenant)]).toEqual(trie.chain(tenant, prompt));
    expect(trie.size).toBe(8);
  });

  it('defines parents first, reuses ids only after forgetting, and stays within its bound', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(5), fc.nat(90), fc.nat(3)), { maxLength: 60 }), (prompts) => {
      const known = new Set<number>();
      const forget = (unit: Unit): void => { expect(known.delete(unit.id)).toBe(true); };
      const trie = new UnitTrie(16, 20, forget);
      const tenants = [tenant, tenantId('other')];
      prompts.forEach(([name, length, session], at) => {
        const chain = trie.chain(tenants[name % 2], tokensOf(`p${name >> 1}`, length), (unit) => {
          expect(known.has(unit.id)).toBe(false);
          expect(unit.parent === undefined || known.has(unit.parent.id)).toBe(true);
          known.add(unit.id);
        });
        trie.pin(chain);
        trie.touch(chain, sessionId(`s${session}`), at);
        trie.prune();
        for (const unit of chain) expect(trie.byId(unit.id)).toBe(unit);
        trie.unpin(chain);
        trie.prune();
        expect(trie.size).toBeLessThanOrEqual(20);
      });
    }));
  });

  it('knows which prefixes several sessions have used', () => {
    const trie = new UnitTrie(16, 1000, () => {});
    const anchor = tokensOf('anchor', 32);
    for (const session of ['a', 'b']) {
      const chain = trie.chain(tenant, joined(anchor, tokensOf(session, 32)), () => {});
      trie.touch(chain, sessionId(session), 0);
      trie.touch(chain, sessionId(session), 1);
    }
    expect(trie.chain(tenant, joined(anchor, tokensOf('a', 32))).map((unit) => unit.shared)).toEqual([true, true, false, false]);
  });
});
