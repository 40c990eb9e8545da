import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LOCAL_TENANT, tenantId, workloadId } from '../../core/index.ts';
import { callerFrom } from './caller.ts';
import { hashOfKey, KEY_HASH, KeyRing, looksLikeKey, newKey } from './keys.ts';

const [aliceKey, bobKey, revoked] = [newKey(), newKey(), newKey()];
const keys = new KeyRing([
  { name: 'alice-laptop', hash: hashOfKey(aliceKey), tenant: tenantId('alice'), workload: workloadId('trail'), admin: true },
  { name: 'bob', hash: hashOfKey(bobKey), tenant: tenantId('bob'), admin: false },
]);
const refused = expect.objectContaining({ code: 'ENT_UNAUTHORIZED' });

describe('keys', () => {
  it('are new each time, and their hash has the form that configuration takes', () => {
    expect(newKey()).not.toBe(newKey());
    expect(looksLikeKey(aliceKey)).toBe(true);
    expect(hashOfKey(aliceKey)).toMatch(KEY_HASH);
    expect(hashOfKey(aliceKey)).not.toContain(aliceKey.slice('entresol_'.length));
  });

  it('are found by nothing but themselves', () => {
    expect(keys.find(aliceKey)).toMatchObject({ name: 'alice-laptop', tenant: 'alice', admin: true });
    fc.assert(fc.property(fc.nat(aliceKey.length - 1), fc.constantFrom(...'aZ09_-'), (at, character) => {
      const other = aliceKey.slice(0, at) + character + aliceKey.slice(at + 1);
      expect(keys.find(other)?.name).toBe(other === aliceKey ? 'alice-laptop' : undefined);
    }));
    expect(keys.find('')).toBeUndefined();
    expect(keys.find(revoked)).toBeUndefined();
  });
});

describe('who calls', () => {
  it.each([
    ['x-entresol-key', aliceKey], ['X-Entresol-Key', aliceKey], ['authorization', `Bearer ${aliceKey}`], ['Authorization', `bearer  ${aliceKey}`], ['x-api-key', aliceKey],
  ])('is known by %s, which goes no further', (name, value) => {
    const { caller, headers } = callerFrom(['accept', '*/*', name, value], keys);
    expect(caller).toEqual({ tenant: 'alice', workload: 'trail', admin: true, key: 'alice-laptop' });
    expect(headers).toEqual(['accept', '*/*']);
  });

  it('keeps the credential for the upstream beside a key of ours', () => {
    const { caller, headers, stripped } = callerFrom(['Authorization', 'Bearer sk-upstream', 'x-entresol-key', bobKey], keys);
    expect([caller.tenant, stripped, headers]).toEqual(['bob', false, ['Authorization', 'Bearer sk-upstream']]);
  });

  it('lets no key of ours out, not even one that is no longer known or came twice', () => {
    expect(callerFrom(['authorization', `Bearer ${revoked}`, 'x-entresol-key', bobKey, 'authorization', `Bearer ${bobKey}`], keys)).toMatchObject({ stripped: true, headers: [] });
    expect(callerFrom(['authorization', `Bearer ${bobKey}`], new KeyRing()).headers).toEqual([]);
  });

  it.each([
    [[]], [['authorization', 'Bearer sk-upstream']], [['x-entresol-key', revoked, 'authorization', `Bearer ${aliceKey}`]], [['x-entresol-key', '']],
    [['x-entresol-key', aliceKey, 'x-api-key', bobKey]],
  ])('is refused with %j', (headers) => {
    expect(() => callerFrom(headers, keys)).toThrow(refused);
  });

  it('is the one local tenant while no keys are configured', () => {
    const { caller, headers } = callerFrom(['authorization', 'Bearer sk-upstream', 'x-entresol-key', 'anything'], new KeyRing());
    expect(caller).toEqual({ tenant: LOCAL_TENANT, admin: true });
    expect(headers).toEqual(['authorization', 'Bearer sk-upstream']);
  });

  it('changes with the keys in force', () => {
    const ring = new KeyRing([]);
    ring.replace([{ name: 'bob', hash: hashOfKey(bobKey), tenant: tenantId('bob'), admin: false }]);
    expect(callerFrom(['x-api-key', bobKey], ring).caller.tenant).toBe('bob');
    ring.replace([{ name: 'alice', hash: hashOfKey(aliceKey), tenant: tenantId('alice'), admin: false }]);
    expect(() => callerFrom(['x-api-key', bobKey], ring)).toThrow(refused);
  });
});
