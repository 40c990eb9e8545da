/** The application by itself, as its README starts it, before an engine that is served as `entresol serve` does. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { startServer } from '../../src/cli/compose.ts';
import { SimulatedEngine } from '../../src/engines/simulated/engine.ts';

const JITI = join(dirname(createRequire(import.meta.url).resolve('jiti/package.json')), 'lib', 'jiti-cli.mjs');
const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

it('plays scripted sessions on an engine whose own text is noise', async () => {
  const server = await startServer({ engines: [new SimulatedEngine({ cost: { prefillMsPerToken: 0.001, decodeMs: 0.01 } })], log: () => undefined });
  try {
    const child = spawn(process.execPath, [JITI, MAIN, '--sessions', '1', '--think-ms', '1', '--base-url', `${server.url}/v1`], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (part: Buffer) => { stdout += part.toString(); });
    child.stderr.on('data', (part: Buffer) => { stderr += part.toString(); });
    const [code] = await once(child, 'close') as [number | null];
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const steps = stdout.trim().split('\n');
    expect(steps.length).toBeGreaterThanOrEqual(8);
    for (const step of steps) expect(step).toMatch(/^task-1-0 step \d+ (planner|researcher|coder|tester|reviewer|writer): \d+ prompt tokens/);
  } finally {
    await server.close(0);
  }
});
