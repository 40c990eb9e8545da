import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
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

  it("makes a trace of a running server's own log, as often as it is asked for, and replays it", async () => {
    const server = spawn(process.execPath, [join(root, 'dist/cli/main.mjs'), 'serve', '--port', '0', '--simulated', '--state', 'none'], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'], env: { PATH: process.env.PATH } });
    try {
      const [line] = (await once(createInterface({ input: server.stdout }), 'line')) as [string];
      const url = line.replace('listening ', '');
      const log = async (): Promise<string> => (await fetch(`${url}/entresol/v1/explain`)).text();
      const logs: string[] = [];
      for (const [session, agent] of [['one', 'planner'], ['one', 'coder'], ['two', 'planner']]) {
        const messages: { role: string; content: string }[] = [{ role: 'system', content: `A harbour master's ${agent} answers. `.repeat(20) }];
        for (let turn = 0; turn < 3; turn++) {
          messages.push({ role: 'user', content: `Which lamp is out on pier ${turn} of ${session}?` });
          const answer = await fetch(`${url}/v1/chat/completions`, {
            method: 'POST', headers: { 'content-type': 'application/json', 'x-entresol-session': session, 'x-entresol-agent': agent, 'x-entresol-workload': 'harbour' },
            body: JSON.stringify({ model: 'entresol-simulated', messages, max_tokens: 8 }),
          });
          const { choices } = (await answer.json()) as { choices: { message: { role: string; content: string } }[] };
          messages.push(choices[0].message);
        }
        logs.push(await log());
      }
      writeFileSync(join(folder, 'calls.jsonl'), logs.join(''));
    } finally {
      server.kill('SIGKILL');
      await once(server, 'close');
    }
    const done = trace('import', 'calls.jsonl', '--out', 'own.jsonl.gz', '--json');
    expect([done.status, JSON.parse(done.stdout)]).toEqual([0, expect.objectContaining({ format: 'entresol', records: 3 + 6 + 9, sessions: 2, calls: 9 })]);
    const lines = gunzipSync(readFileSync(join(folder, 'own.jsonl.gz'))).toString().trim().split('\n').map((text) => JSON.parse(text) as { workload: string; agent: string; base: unknown; prompt_tokens: number });
    expect(lines.map(({ agent, base }) => [agent, base !== null])).toEqual(['planner', 'coder', 'planner'].flatMap((agent) => [[agent, false], [agent, true], [agent, true]]));
    for (const { workload, prompt_tokens: tokens } of lines) expect([workload, tokens > 50]).toEqual(['harbour', true]);
    expect(JSON.stringify(lines)).not.toMatch(/lamp|pier|master/);
    expect(trace('check', 'own.jsonl.gz').status).toBe(0);
    const replayed = spawnSync(process.execPath, [join(root, 'dist/cli/main.mjs'), 'replay', 'own.jsonl.gz', '--policy', 'lru,cache-sage', '--no-cache', '--json'], { cwd: folder, encoding: 'utf8', env: { PATH: process.env.PATH } });
    expect([replayed.status, JSON.parse(replayed.stdout)]).toMatchObject([0, { traces: [{ trace: 'own', requests: 9 }] }]);
  });

  it('an import names what to do about a broken record; with --skip-broken a broken file is passed over too', () => {
    writeFileSync(join(folder, 'torn.jsonl'), '{"timestamp":0,"input_length":5,"output_length":1,"hash_ids":[0]}\n{"timestamp":5,"input_le');
    writeFileSync(join(folder, 'torn.jsonl.gz'), Buffer.from([0x1f, 0x8b, 8, 0, 0]));
    expect(trace('import', 'torn.jsonl').stderr).toMatch(/^ENT_TRACE_INVALID at torn\.jsonl:2: .* --skip-broken counts such records and goes on\./);
    const { status, stdout, stderr } = trace('import', 'torn.jsonl.gz', 'torn.jsonl', '--skip-broken');
    expect([status, stdout.trim().split('\n')]).toEqual([0, [expect.stringContaining('"prompt_tokens":5')]]);
    expect(stderr).toMatch(/2 broken records were skipped, the first: torn\.jsonl\.gz:1: the file: expected gzip/);
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
