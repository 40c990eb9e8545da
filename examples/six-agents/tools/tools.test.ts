import * as fc from 'fast-check';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CalculationError, calculate } from './calculator.ts';
import { DocumentLibrary } from './document-library.ts';
import { runTool } from './run-tool.ts';

let folder: string;
let library: DocumentLibrary;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'library-'));
  await mkdir(join(folder, 'docs', 'deep'), { recursive: true });
  await writeFile(join(folder, 'secret.md'), 'the secret');
  await writeFile(join(folder, 'docs', 'one.md'), `# One\n\nThe cache keeps prefixes.\n${'long line '.repeat(400)}\n## Two\n`);
  await writeFile(join(folder, 'docs', 'deep', 'two.md'), 'A second CACHE of prefixes\n');
  await writeFile(join(folder, 'docs', 'data.json'), '{}');
  await symlink(join(folder, 'secret.md'), join(folder, 'docs', 'link.md'));
  library = new DocumentLibrary(join(folder, 'docs'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the document tools', () => {
  it('list Markdown files only, and no links', async () => {
    expect(await library.list()).toEqual(['deep/two.md', 'one.md']);
    expect(await new DocumentLibrary(join(folder, 'missing')).list()).toEqual([]);
  });

  it('search all words in any case and name file and line', async () => {
    expect(await runTool('search_documents', '{"words":"cache PREFIXES"}', library)).toBe('deep/two.md:1: A second CACHE of prefixes\none.md:3: The cache keeps prefixes.');
  });

  it('read from a line, outline headings, and clip long results', async () => {
    expect(await runTool('read_document', '{"file":"one.md","from_line":5}', library)).toBe('## Two\n');
    expect(await runTool('outline_document', '{"file":"one.md"}', library)).toBe('1: # One\n5: ## Two');
    expect((await runTool('read_document', '{"file":"one.md"}', library)).length).toBeLessThanOrEqual(760);
  });

  it('never leave the folder', async () => {
    for (const file of ['../secret.md', join(folder, 'secret.md'), 'link.md', 'deep/../../secret.md', 'data.json', '']) {
      expect(await runTool('read_document', JSON.stringify({ file }), library), file).toMatch(/^error: /);
    }
    await fc.assert(fc.asyncProperty(fc.string(), async (file) => {
      expect(await runTool('read_document', JSON.stringify({ file: `../${file}` }), library)).toMatch(/^error: /);
    }), { numRuns: 50 });
  });

  it('do not follow a document that was replaced by a link after it was listed', async () => {
    const fresh = new DocumentLibrary(join(folder, 'docs'));
    await writeFile(join(folder, 'docs', 'swapped.md'), 'harmless');
    await fresh.list();
    await rm(join(folder, 'docs', 'swapped.md'));
    await symlink(join(folder, 'secret.md'), join(folder, 'docs', 'swapped.md'));
    expect(await runTool('read_document', '{"file":"swapped.md"}', fresh)).toMatch(/^error: .*outside/);
    await rm(join(folder, 'docs', 'swapped.md'));
  });

  it('tell what is wrong with a call instead of failing', async () => {
    expect(await runTool('format_disk', '{}', library)).toMatch(/^error: no tool/);
    expect(await runTool('search_documents', '{"words":7}', library)).toMatch(/^error: argument words/);
    expect(await runTool('calculate', 'not json', library)).toMatch(/^error: /);
    expect(await runTool('calculate', '[1]', library)).toMatch(/^error: arguments/);
  });
});

describe('the calculator', () => {
  it.each([
    ['1 + 2 * 3', 7], ['(1 + 2) * 3', 9], ['2 ^ 3 ^ 2', 512], ['-2 ^ 2', -4], ['10 % 4 / 2', 1], ['max(1, 2, 3) - min(4, 5)', -1],
    ['sqrt(16) + abs(-1)', 5], ['1.5e3', 1500], ['--3', 3], ['2 ^ -1', 0.5], ['.5 * 4', 2],
  ])('%s', (expression, value) => { expect(calculate(expression)).toBeCloseTo(value, 12); });

  it.each(['', '1 +', '(1', '1 2', 'process.exit()', 'constructor(1)', 'sqrt()', 'sqrt(1, 2)', '1 / 0', '[1]', 'a = 1', '('.repeat(100), '1'.repeat(300), '2 ^ '.repeat(45) + '2'])('refuses %j', (expression) => {
    expect(() => calculate(expression)).toThrow(CalculationError);
  });

  it('gives a number or a CalculationError for any text', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9+\-*/^%() .]{0,60}$/)), (text) => {
      try {
        expect(Number.isFinite(calculate(text))).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(CalculationError);
      }
    }));
  });

  it('agrees with the language on sums, differences and products', () => {
    const small = fc.integer({ min: 0, max: 999 });
    fc.assert(fc.property(small, small, small, (a, b, c) => { expect(calculate(`${a} + ${b} * (${c} - ${a})`)).toBe(a + b * (c - a)); }));
  });
});
