import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ResultCache } from './result-cache.ts';

const folder = mkdtempSync(join(tmpdir(), 'entresol-results-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Value { readonly rate: number }
const isValue = (value: unknown): value is Value => typeof (value as Partial<Value> | null)?.rate === 'number';
function open(name: string): { cache: ResultCache<Value>; complaints: string[]; path: string } {
  const complaints: string[] = [];
  const path = join(folder, name);
  return { cache: new ResultCache({ folder: path, check: isValue, onUnusable: (why) => complaints.push(why), maximumEntries: 100 }), complaints, path };
}

describe('ResultCache', () => {
  it('gives back what was put, to another process too', async () => {
    await open('kept').cache.put('a', { rate: 0.5 });
    expect(await open('kept').cache.get('a')).toEqual({ rate: 0.5 });
    expect(await open('kept').cache.get('b')).toBeUndefined();
    expect(readdirSync(join(folder, 'kept'))).toEqual(['a.json']);
  });

  it('takes a file that was cut short, or holds something else, for none, and writes over it', async () => {
    const { cache, path } = open('broken');
    await cache.put('a', { rate: 0.5 });
    await cache.put('b', { rate: 0.5 });
    truncateSync(join(path, 'a.json'), 3);
    writeFileSync(join(path, 'b.json'), '{"other":1}');
    expect([await cache.get('a'), await cache.get('b')]).toEqual([undefined, undefined]);
    await cache.put('a', { rate: 0.25 });
    expect(await cache.get('a')).toEqual({ rate: 0.25 });
  });

  it('says once that it cannot write, and keeps nothing from then on', async () => {
    writeFileSync(join(folder, 'a-file'), '');
    const { cache, complaints } = open('a-file');
    await cache.put('a', { rate: 0.5 });
    await cache.put('b', { rate: 0.5 });
    expect(complaints).toHaveLength(1);
    expect(await cache.get('a')).toBeUndefined();
  });

  it('is bounded: the oldest go when there are too many', async () => {
    const { path } = open('full');
    await open('full').cache.put('first', { rate: 1 });
    utimesSync(join(path, 'first.json'), 1, 1);
    for (let index = 0; index < 100; index++) writeFileSync(join(path, `${index}.json`), '');
    await open('full').cache.put('last', { rate: 1 });
    expect(readdirSync(path)).toHaveLength(77);
    expect(await open('full').cache.get('last')).toEqual({ rate: 1 });
    expect(await open('full').cache.get('first')).toBeUndefined();
  });
});
