import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fixtures = join(root, 'src/lab/trace-import/fixtures');
const folder = mkdtempSync(join(tmpdir(), 'entresol-trace-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function trace(...rawArguments: string[]): { status: number | null; stdout: string; stderr: string } {
  const done = spawnSync(process.execPath, [join(root, 'dist/cli/main.mjs'), 'trace', ...rawArguments], { cwd: folder, encoding: 'utf8', env: { PATH: process.env.PATH } });
  // Progress is shown every few seconds: whether a line of it came depends on the machine.
  return { ...done, stderr: done.stderr.replaceAll(/^.*: \d+ %, \d+ calls.*\n/gm, '') };
}

describe('entresol trace', () => {
  it('import, check, stats and replay go together', () => {
    const done = trace('import', join(fixtures, 'litellm.jsonl'), '--out', 'desk.jsonl.gz', '--json');
    expect([done.status, JSON.parse(done.stdout)]).toEqual([0, expect.objectContaining({ out: 'desk.jsonl.gz', format: 'litellm', sessions: 2, calls: 3, brokenRecords: 0 })]);
    expect(done.stderr).toMatch(/^3 calls of 2 sessions from 4 records of 1 file \(litellm\)/);
    expect(gunzipSync(readFileSync(join(folder, 'desk.jsonl.gz'))).toString().trim().split('\n')).toHaveLength(3);
    const checked = trace('check', 'desk.jsonl.gz', '--json');
    expect([checked.status, JSON.parse(checked.stdout)]).toEqual([0, { files: [expect.objectContaining({ sessions: 2, calls: 3, faults: [] })] }]);
    const stats = trace('stats', 'desk.jsonl.gz', '--json');
    expect(JSON.parse(stats.stdout)).toMatchObject({ traces: [{ trace: 'desk', sessions: 2, calls: 3, agents: [{ agent: 'planner', calls: 2 }, {}] }] });
    expect(trace('stats', 'desk.jsonl.gz').stdout).toMatch(/^desk: 2 sessions, 3 calls, 2 agents\n/);
  });

  it('imports to standard output, and the same again with the same key', () => {
    writeFileSync(join(folder, 'key'), 'a key of sixteen bytes or more');
    const [one, other] = [0, 1].map(() => trace('import', join(fixtures, 'claude-code'), '--key', 'key').stdout);
    expect(one.trim().split('\n')).toHaveLength(6);
    expect(other).toBe(one);
    expect(trace('import', join(fixtures, 'claude-code')).stdout).not.toBe(one);
  });

  it('check names file, line and field, and exits 1', () => {
    writeFileSync(join(folder, 'bad.jsonl'), '{"workload":"w"}\n');
    const { status, stdout } = trace('check', 'bad.jsonl');
    expect(status).toBe(1);
    expect(stdout).toMatch(/bad\.jsonl:1: field agent: expected a non-empty string, found nothing\./);
  });

  it('writes nothing where the import fails', () => {
    writeFileSync(join(folder, 'mixed.jsonl'), '{"timestamp":0,"input_length":5,"output_length":1,"hash_ids":[0]}\n{"timestamp":0}\n');
    const failed = trace('import', 'mixed.jsonl', '--out', 'mixed-out.jsonl');
    expect([failed.status, failed.stderr]).toEqual([1, expect.stringMatching(/ENT_TRACE_INVALID at mixed\.jsonl:2: field input_length/)]);
    expect(readdirSync(folder).filter((name) => name.startsWith('mixed-out'))).toEqual([]);
    const skipped = trace('import', 'mixed.jsonl', '--out', 'mixed-out.jsonl', '--skip-broken');
    expect([skipped.status, skipped.stderr]).toEqual([0, expect.stringContaining('1 broken records were skipped, the first: mixed.jsonl:2')]);
    expect(existsSync(join(folder, 'mixed-out.jsonl'))).toBe(true);
  });

  it.each([
    [['import'], 2, /ENT_USAGE at INPUT/],
    [['import', 'nowhere.jsonl'], 1, /ENT_TRACE_MISSING at nowhere\.jsonl/],
    [['import', join(fixtures, 'codex.jsonl'), '--from', 'gemini'], 2, /ENT_USAGE at --from: expected one of otlp, mooncake, codex/],
    [['import', join(fixtures, 'codex.jsonl'), '--json'], 2, /ENT_USAGE at --json: expected --out/],
    [['import', join(fixtures, 'codex.jsonl'), '--key', 'short'], 2, /ENT_USAGE at --key: expected at least 16 bytes/],
    [['import', join(fixtures, 'codex.jsonl'), '--out', 'no/such/folder/x.jsonl'], 2, /ENT_USAGE at --out: the trace cannot be written: ENOENT/],
    [['check'], 2, /ENT_USAGE at TRACE/],
    [['stats', 'nowhere'], 1, /ENT_TRACE_MISSING/],
    [[], 2, /ENT_USAGE/],
  ])('%j exits %i and says why', (rawArguments, status, message) => {
    writeFileSync(join(folder, 'short'), 'short');
    const failed = trace(...rawArguments);
    expect([failed.status, failed.stdout]).toEqual([status, '']);
    expect(failed.stderr).toMatch(message);
  });
});
