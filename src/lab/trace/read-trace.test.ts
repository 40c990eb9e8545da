import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { EntresolError } from '../../core/index.ts';
import { locateTrace } from './locate-trace.ts';
import { readTrace } from './read-trace.ts';

const folder = mkdtempSync(join(tmpdir(), 'entresol-trace-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const line = (fields: Record<string, unknown> = {}): Record<string, unknown> => ({
  workload: 'w', session: 's', step: 0, agent: 'planner', t_ms: null, dur_ms: null, prompt_tokens: 5, output_tokens: 2,
  base: null, segments: [['aa', 3], ['bb', 2]], out: [['cc', 2]], tools: [{ name: 'search', args_hash: 'x' }], ...fields,
});

function write(name: string, lines: readonly unknown[]): string {
  const path = join(folder, name);
  const text = lines.map((entry) => (typeof entry === 'string' ? entry : JSON.stringify(entry))).join('\n');
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text);
  return path;
}

async function faultOf(lines: readonly unknown[]): Promise<string> {
  const path = write('broken.jsonl.gz', lines);
  const error: unknown = await readTrace(path, { blockTokens: 2 }).then(() => undefined, (reason: unknown) => reason);
  expect(error).toBeInstanceOf(EntresolError);
  const { code, at, message } = error as EntresolError;
  expect(code).toBe('ENT_TRACE_INVALID');
  return `${at?.replace(`${path}:`, '')}: ${message}`;
}

describe('readTrace', () => {
  it('reads calls, sessions and blocks', async () => {
    const path = write('small.jsonl.gz', [
      line({ inst: 'planner-2', stop: 'end', dur_ms: 12.5 }),
      '',
      line({ step: 1, base: [0, 1], segments: [['zz', 3]], prompt_tokens: 6, out: [], output_tokens: 0, phase: 'late', tools: [] }),
      line({ session: 't' }),
    ]);
    const trace = await readTrace(path, { blockTokens: 2 });
    expect(trace.name).toBe('small');
    expect(trace.sessions.map(({ id, callCount, distinctBlocks }) => [id, callCount, distinctBlocks])).toEqual([['s', 2, 5], ['t', 1, 3]]);
    expect(trace.calls.map(({ instance, stop, tools, outputHash, promptBlocks, blocks }) => [instance, stop, tools, outputHash, promptBlocks, blocks])).toEqual([
      ['planner-2', 'end', ['search'], 'cc', 2, 3],
      ['planner', 'late', [], undefined, 3, 3],
      ['planner', undefined, ['search'], 'cc', 2, 3],
    ]);
    // The first block (aa.0 aa.1) is everybody's; session t repeats session s's first call.
    expect(trace.blockCount).toBe(5);
  });

  it('stops at maxCalls and does not look at later lines', async () => {
    const path = write('cut.jsonl.gz', [line(), 'no JSON at all']);
    expect((await readTrace(path, { blockTokens: 2, maxCalls: 1 })).calls.length).toBe(1);
  });

  it('reads plain .jsonl, and text that chunks of the file cut in the middle of a character', async () => {
    const long = 'é'.repeat(70_001);
    const path = write('plain.jsonl', [line({ agent: long }), line({ step: 1 })]);
    const trace = await readTrace(path, { blockTokens: 2 });
    expect(trace.calls.map(({ agent }) => agent === long)).toEqual([true, false]);
  });

  it.each([
    ['a line that is no JSON', [line(), '{"workload":'], /^2: the line: expected one JSON object, found "\{\\"workload\\":"/],
    ['a line that is no object', ['[1]'], /^1: field \(the line\): expected one JSON object, found \[1\]\.$/],
    ['a missing agent', [line({ agent: undefined })], /^1: field agent: expected a non-empty string, found nothing\.$/],
    ['a textual token count', [line({ prompt_tokens: '5' })], /^1: field prompt_tokens: expected a whole number from 0, found "5"\.$/],
    ['a wrong sum', [line({ prompt_tokens: 6 })], /^1: field prompt_tokens: expected 5, the sum of base and segments, found 6\.$/],
    ['a negative segment', [line(), line({ step: 1, segments: [['aa', 3], ['bb', -2]] })], /^2: field segments\[1\]\[1\]: expected a whole number of tokens from 1, found -2\.$/],
    ['a segment without a hash', [line({ out: [[7, 2]] })], /^1: field out\[0\]\[0\]: expected a non-empty hash string, found 7\.$/],
    ['segments that are no list', [line({ segments: 'aa' })], /^1: field segments: expected an array of \[hash, tokens\], found "aa"\.$/],
    ['a tool without a name', [line({ tools: [{ args_hash: 'x' }] })], /^1: field tools\[0\]\.name: expected a non-empty string, found nothing\.$/],
    ['a base on the first call', [line({ base: [0, 1] })], /^1: field base\[0\]: expected null instead of a base, for this is the first call, found 0\.$/],
    ['a base on a later call', [line(), line({ step: 1, base: [3, 1] })], /^2: field base\[0\]: expected an earlier step of the session, 0 to 0, found 3\.$/],
    ['a base longer than that call', [line(), line({ step: 1, base: [0, 9] })], /^2: field base\[1\]: expected at most 2, the segments of step 0, found 9\.$/],
    ['a malformed base', [line(), line({ step: 1, base: [0] })], /^2: field base: expected \[step, number of segments\], or null, found \[0\]\.$/],
    ['a step out of turn', [line(), line({ step: 2 })], /^2: field step: expected 1, the next of session "s", found 2\.$/],
    ['a session that comes back', [line(), line({ session: 't' }), line({ step: 1 })], /^3: field session: expected sessions one after another, found "s, which ended before"\.$/],
    ['a negative time', [line({ t_ms: -1 })], /^1: field t_ms: expected milliseconds from 0, or null, found -1\.$/],
    ['no time at all', [line({ dur_ms: undefined })], /^1: field dur_ms: expected milliseconds from 0, or null, found nothing\.$/],
    ['no calls', [''], /^1: the file: expected at least one call, found none\.$/],
  ])('names file, line, field, what was expected and what was found: %s', async (_what, lines, expected) => {
    expect(await faultOf(lines)).toMatch(expected);
  });

  it('says so when the file is no gzip, or is cut off', async () => {
    const path = join(folder, 'not.jsonl.gz');
    writeFileSync(path, 'plain text');
    await expect(readTrace(path, { blockTokens: 2 })).rejects.toMatchObject({ code: 'ENT_TRACE_INVALID', message: expect.stringContaining('expected gzip') as string });
    const whole = gzipSync(`${JSON.stringify(line())}\n`.repeat(50));
    writeFileSync(path, whole.subarray(0, whole.length - 12));
    await expect(readTrace(path, { blockTokens: 2 })).rejects.toMatchObject({ code: 'ENT_TRACE_INVALID' });
  });
});

describe('locateTrace', () => {
  it('takes a path, or a name in the known folders', () => {
    const path = write('here.jsonl.gz', [line()]);
    expect(locateTrace(path, '/')).toBe(path);
    expect(locateTrace('here', '/', { ENTRESOL_TRACES: folder })).toBe(path);
  });

  it('says where it looked', () => {
    expect(() => locateTrace('nowhere', folder, { ENTRESOL_TRACES: '/some/folder' })).toThrow(
      expect.objectContaining({ code: 'ENT_TRACE_MISSING', message: expect.stringMatching(/entresol-trace-\w+\/nowhere.*\/traces, .*shared\/traces, \/some\/folder/) as string }) as Error,
    );
  });
});
