import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { POLICIES } from '../policies/registry.ts';
import { loadPolicy } from './load-policy.ts';

const folder = mkdtempSync(join(tmpdir(), 'entresol-policy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('loadPolicy', () => {
  it('knows every registered policy by name', async () => {
    for (const policy of POLICIES) expect(await loadPolicy(policy.name)).toBe(policy);
  });

  it('lists the known names for one that it does not know', async () => {
    await expect(loadPolicy('lur', ['belady'])).rejects.toMatchObject({ code: 'ENT_POLICY_UNKNOWN', at: 'lur', message: expect.stringMatching(/Known: .*lru.*belady/) as string });
  });

  it("loads a TypeScript file outside of any package, whose import of 'entresol' is ours", async () => {
    const path = write('mine.ts', `
      import { definePolicy, EntresolError, type RetentionIndex } from 'entresol';
      interface Options { readonly index?: RetentionIndex }
      const options: Options = {};
      export default definePolicy({
        name: 'mine',
        summary: 'for tests',
        parameters: { half: { default: 0.5, description: 'a half' } },
        create: () => { if (options.index === undefined) throw new EntresolError('ENT_INTERNAL', 'made'); return {}; },
      });
    `);
    const policy = await loadPolicy(path);
    expect([policy.name, policy.parameters.half.default]).toEqual(['mine', 0.5]);
    // Errors thrown by the file are instances of our own class.
    expect(() => policy.create({} as Parameters<typeof policy.create>[0])).toThrow(expect.objectContaining({ code: 'ENT_INTERNAL', mend: expect.any(String) as string }) as Error);
  });

  it('loads plain JavaScript and the example of docs/traces.md', async () => {
    const script = write('plain.mjs', "import { definePolicy } from 'entresol';\nexport default definePolicy({ name: 'plain', summary: 's', create: () => ({}) });\n");
    expect((await loadPolicy(script)).name).toBe('plain');
    const docs = readFileSync(fileURLToPath(new URL('../../docs/traces.md', import.meta.url)), 'utf8');
    const example = /```ts\n([\s\S]*?)```/.exec(docs)?.[1] ?? '';
    expect((await loadPolicy(write('fifo.ts', example))).name).toBe('fifo');
  });

  it.each([
    ['has no default export', 'export const policy = 1;', /expected .*definePolicy/],
    ['exports something else', 'export default 7;', /expected a default export made by definePolicy/],
    ['exports a policy without create', "export default { name: 'x', parameters: {}, decisions: [], intents: [] };", /expected create\(services\), a function/],
    ['does not parse', 'export default definePolicy({', /does not load/],
    ['has a bad name', "import { definePolicy } from 'entresol';\nexport default definePolicy({ name: 'Not A Name', summary: '', create: () => ({}) });", /does not load: policy name "Not A Name"/],
  ])('names the file that %s', async (_what, text, message) => {
    const path = write('bad.ts', text);
    await expect(loadPolicy(path)).rejects.toMatchObject({ code: 'ENT_POLICY_INVALID', at: path, message: expect.stringMatching(message) as string });
  });

  it('says so when there is no such file', async () => {
    await expect(loadPolicy('./nowhere.ts')).rejects.toMatchObject({ code: 'ENT_POLICY_INVALID', message: 'there is no such file.' });
  });
});
