import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { definePolicy, EntresolError, LOCAL_TENANT, requestId } from '../core/index.ts';
import { createLearnerSource } from '../learner/index.ts';
import { FileStore } from '../store/index.ts';
import { bench, coordinate, NullLearners, report, request, type Bench } from './runtime.fixture.ts';

let directory: string;
const directories: string[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'entresol-state-'));
  directories.push(directory);
});
afterAll(() => Promise.all(directories.map((each) => rm(each, { recursive: true, force: true }))));

/** Counts the requests that it has seen, for good. */
const counter = definePolicy({
  name: 'counter', summary: '', decisions: ['order'], role: 'rank',
  create: () => {
    let count = 0;
    return {
      observe: (event) => { if (event.type === 'request-arrive') count += 1; },
      score: { order: (_waiting, scores) => { scores.fill(count); } },
      snapshot: () => Uint8Array.of(1, count),
      restore: (bytes) => {
        if (bytes[0] !== 1) throw new EntresolError('ENT_SNAPSHOT_INVALID', 'a newer counter.');
        count = bytes[1];
      },
    };
  },
});

const open = (over: Parameters<typeof bench>[0] = { policies: [{ definition: counter }] }): Bench =>
  bench({ state: new FileStore({ directory: join(directory, 'state'), clock: { nowMs: () => 0 }, maximumEntries: 100 }), ...over });

async function countIn({ runtime }: Bench, id: string): Promise<number | null> {
  runtime.arrive(request(id));
  runtime.order([request(id)]);
  const part = runtime.explain(requestId(id)).decisions[0].policies[0];
  return 'score' in part.answer ? part.answer.score : null;
}

async function statePaths(): Promise<string[]> {
  return (await readdir(join(directory, 'state'))).map((name) => join(directory, 'state', name));
}

describe('state', () => {
  it('of policies and learners is there again after a restart, in files of the owner alone', async () => {
    const first = open();
    await first.runtime.start();
    expect(await countIn(first, 'r1')).toBe(1);
    expect(await countIn(first, 'r2')).toBe(2);
    await first.runtime.close();
    for (const path of await statePaths()) expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await statePaths()).toHaveLength(2);

    const learners = new NullLearners();
    const second = open({ policies: [{ definition: counter }], learners });
    await second.runtime.start();
    expect(await countIn(second, 'r3')).toBe(3);
    expect(learners.of(LOCAL_TENANT, coordinate().workload).restored).toBeDefined();
    expect(second.logs).toEqual([]);
  });

  it('of the real learner survives too', async () => {
    const train = open({ policies: [], learners: createLearnerSource() });
    await train.runtime.start();
    for (let session = 0; session < 30; session++) {
      ['planner', 'coder', 'tester'].forEach((agent, step) => {
        const id = `s${session}-${step}`;
        train.runtime.arrive(request(id, { arrivedAtMs: 1000 * session + 10 * step, by: coordinate({ session: `s${session}`, agent, step }) }));
        train.runtime.finish(requestId(id), report());
      });
    }
    const by = coordinate({ session: 's29', agent: 'tester' });
    const query = { kind: 'output-length', by } as const;
    const before = train.runtime.predict(LOCAL_TENANT, by.workload, query);
    await train.runtime.close();
    const again = open({ policies: [], learners: createLearnerSource() });
    await again.runtime.start();
    expect(before.kind).toBe('output-length');
    expect(again.runtime.predict(LOCAL_TENANT, by.workload, query)).toEqual(before);
  });

  it('that is corrupt or newer is refused with a warning, and learning starts afresh', async () => {
    const first = open();
    await first.runtime.start();
    await countIn(first, 'r1');
    await first.runtime.close();
    for (const path of await statePaths()) {
      const bytes = await readFile(path);
      bytes[bytes.length - 1] ^= 0xff;
      await writeFile(path, bytes);
    }
    const second = open();
    await second.runtime.start();
    expect(await countIn(second, 'r2')).toBe(1);
    expect(second.logs).toMatchObject([{ level: 'warn', fields: { error: expect.stringMatching(/^ENT_SNAPSHOT_INVALID at .*\.state: /) } }, { level: 'warn' }]);

    const newer = definePolicy({ ...counter, create: () => ({ snapshot: () => Uint8Array.of(2, 9), restore: () => {} }) });
    const third = open({ policies: [{ definition: newer }] });
    await third.runtime.start();
    third.runtime.arrive(request('r3'));
    await third.runtime.close();
    const fourth = open();
    await fourth.runtime.start();
    expect(await countIn(fourth, 'r4')).toBe(1);
    expect(fourth.logs).toMatchObject([{ level: 'warn', message: expect.stringContaining('saved state of policy counter was refused') }]);
  });

  it('is saved now and then', async () => {
    const first = open({ policies: [{ definition: counter }], limits: { saveIntervalMs: 5000 } });
    await first.runtime.start();
    await countIn(first, 'r1');
    await first.time.pass(5000);
    // The write goes on by itself; a save after it comes after it.
    await first.runtime.save();
    const second = open();
    await second.runtime.start();
    expect(await countIn(second, 'r2')).toBe(2);
  });

  it('that cannot be written is logged, and the runtime goes on', async () => {
    await writeFile(join(directory, 'state'), 'a file where a directory should be');
    const first = open();
    await first.runtime.start();
    expect(first.logs).toMatchObject([{ level: 'warn', fields: { error: expect.stringMatching(/^ENT_\w+ at /) } }]);
    expect(first.logs[0].fields?.error).toContain(join(directory, 'state'));
    await countIn(first, 'r1');
    await first.runtime.close();
    expect(first.logs.at(-1)).toMatchObject({ level: 'error', message: expect.stringContaining('state could not be saved') });
  });

  it('of a policy that is switched off and on again is not lost', async () => {
    const { runtime } = bench({ policies: [{ definition: counter }] });
    expect(await countIn({ runtime } as Bench, 'r1')).toBe(1);
    runtime.setMode('counter', 'off');
    runtime.arrive(request('r2'));
    runtime.setMode('counter', 'on');
    expect(await countIn({ runtime } as Bench, 'r3')).toBe(2);
  });
});
