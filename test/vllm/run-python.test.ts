import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { findPython } from '../../src/lab/vllm-server/requirements.ts';
import { runPython } from './run-python.ts';

const python = (await findPython())?.command;

test.skipIf(python === undefined)('a Python that hangs is ended, and what it said, and where it was, is in the error', async () => {
  const program = 'import faulthandler, time; faulthandler.enable(); print("so far", flush=True); time.sleep(600)';
  const hung = runPython(python!, ['-c', program], { cwd: tmpdir(), env: process.env, limitMs: 2000 });
  await expect(hung).rejects.toThrow(/took more than 2000 ms[^]*so far[^]*line 1 in <module>/);
});

test.skipIf(python === undefined)('one that ends says what it said and how it ended', async () => {
  await expect(runPython(python!, ['-c', 'import sys; print("out"); sys.exit(3)'], { cwd: tmpdir(), env: process.env, limitMs: 60_000 })).resolves.toEqual({ status: 3, output: 'out\n' });
});
