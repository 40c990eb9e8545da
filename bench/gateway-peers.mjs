/**
 * CPU per request of other gateways beside ours: Portkey's (npm, @portkey-ai/gateway) and LiteLLM's (pip, litellm[proxy]), each
 * before the same upstream, with the same load, in slices that alternate. They are installed into a folder of the user's
 * cache, never into this checkout; whichever cannot be installed is skipped, loudly.
 *
 *   npm run build && node bench/gateway-peers.mjs [--body 1024] [--rounds 3] [--slice 3] [--warm 2000] [--cache DIR] [--json] [--assert]
 *
 * CPU is user and system time of the whole process, read from /proc: Linux only. With --assert: exit 1 unless ours is at
 * most 0.4 of Portkey's and 0.05 of LiteLLM's, where they were measured.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { benchOptions } from './options.mjs';

const BARS = { portkey: 0.4, litellm: 0.05 };
const values = benchOptions(import.meta.url, {
  body: { type: 'string', default: '1024' }, rounds: { type: 'string', default: '3' }, slice: { type: 'string', default: '3' }, warm: { type: 'string', default: '2000' },
  cache: { type: 'string', default: join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'entresol', 'gateway-peers') },
  json: { type: 'boolean', default: false }, assert: { type: 'boolean', default: false },
});
/**
 * Without keys, as ours is measured; its lists of prices, headers and templates from the package; whatever else it might fetch
 * goes to a proxy that is not there.
 */
const LITELLM_ENVIRONMENT = {
  LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY: 'true',
  LITELLM_LOCAL_MODEL_COST_MAP: 'True', LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS: 'True', LITELLM_LOCAL_POLICY_TEMPLATES: 'True', LITELLM_LOCAL_BLOG_POSTS: 'True', LITELLM_LOCAL_AUTOROUTER_PRESETS: 'True',
  HTTP_PROXY: 'http://127.0.0.1:9', HTTPS_PROXY: 'http://127.0.0.1:9', NO_PROXY: '127.0.0.1,localhost', http_proxy: 'http://127.0.0.1:9', https_proxy: 'http://127.0.0.1:9', no_proxy: '127.0.0.1,localhost',
};
const MAIN = fileURLToPath(new URL('../dist/cli/main.mjs', import.meta.url));
const say = (text) => process.stderr.write(`${text}\n`);
const ticksPerSecond = Number(spawnSync('getconf', ['CLK_TCK']).stdout?.toString() ?? 100) || 100;
const started = [];

function part(name, upstream) {
  const child = spawn(process.execPath, [MAIN, 'bench', 'gateway', '--part', name, '--part-upstream', upstream], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  started.push(child);
  const waiting = new Map();
  let asked = 0;
  return new Promise((resolve, reject) => {
    child.on('exit', (code) => reject(new Error(`the process of ${name} ended with ${code}`)));
    child.on('message', (message) => {
      if (message.ready) resolve({ url: message.url, pid: child.pid, ask: (order) => new Promise((answer, fail) => { waiting.set(asked += 1, { answer, fail }); child.send({ id: asked, order }); }) });
      else if ('error' in message) waiting.get(message.id).fail(new Error(message.error));
      else waiting.get(message.id).answer(message.value);
    });
  });
}

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

async function answers(url, triesLeft, child) {
  for (; triesLeft > 0 && child.exitCode === null; triesLeft--) {
    if (await fetch(url).then(() => true, () => false)) return true;
    await new Promise((resolve) => { setTimeout(resolve, 500); });
  }
  return false;
}

function cpuMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}

/** @returns why it failed, or undefined */
function run(file, args) {
  const { status, stderr, error } = spawnSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr.trim().split('\n').at(-1));
}

async function portkey(upstream) {
  const folder = join(values.cache, 'portkey');
  const home = join(folder, 'node_modules', '@portkey-ai', 'gateway');
  mkdirSync(folder, { recursive: true });
  if (!existsSync(home)) {
    const failure = run('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts', '@portkey-ai/gateway']);
    if (failure !== undefined) return { skipped: `npm could not install it: ${failure}` };
  }
  const { version, bin } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
  const port = await freePort();
  const child = spawn(process.execPath, [join(home, bin), `--port=${port}`, '--headless'], { stdio: 'ignore', env: { ...process.env, TRUSTED_CUSTOM_HOSTS: '127.0.0.1,localhost' } });
  started.push(child);
  const url = `http://127.0.0.1:${port}`;
  if (!await answers(url, 60, child)) return { skipped: 'it was installed, and did not start' };
  return { version, url, pid: child.pid, headers: `x-portkey-provider: openai\r\nx-portkey-custom-host: ${upstream}/v1\r\n` };
}

async function litellm(upstream) {
  const folder = join(values.cache, 'litellm');
  const command = join(folder, 'bin', 'litellm');
  mkdirSync(values.cache, { recursive: true });
  if (!existsSync(command)) {
    const failure = run('python3', ['-m', 'venv', folder]) ?? run(join(folder, 'bin', 'pip'), ['install', '-q', 'litellm[proxy]']);
    if (failure !== undefined) return { skipped: `pip could not install it: ${failure}` };
  }
  const version = /Version: (\S+)/.exec(spawnSync(join(folder, 'bin', 'pip'), ['show', 'litellm'], { encoding: 'utf8' }).stdout)?.[1];
  const config = join(values.cache, 'litellm.yaml');
  writeFileSync(config, JSON.stringify({ model_list: [{ model_name: 'bench', litellm_params: { model: 'openai/bench', api_base: `${upstream}/v1`, api_key: 'none' } }] }));
  const port = await freePort();
  const child = spawn(command, ['--config', config, '--host', '127.0.0.1', '--port', String(port), '--telemetry', 'False'], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...LITELLM_ENVIRONMENT } });
  started.push(child);
  let told = '';
  child.stderr.on('data', (part) => { told = (told + part).slice(-4000); });
  const url = `http://127.0.0.1:${port}`;
  if (!await answers(`${url}/health/liveliness`, 240, child)) return { skipped: `it was installed, and did not start: ${told.trim().split('\n').find((line) => line.startsWith('LiteLLM')) ?? told.trim().split('\n').at(-1)}` };
  return { version, url, pid: child.pid };
}

try {
  const upstream = await part('upstream', '');
  const load = await part('load', '');
  const paths = { 'entresol-all': await part('entresol-all', upstream.url) };
  const skipped = {};
  const versions = {};
  for (const [name, start] of Object.entries({ portkey, litellm })) {
    const peer = await start(upstream.url);
    if ('skipped' in peer) {
      skipped[name] = peer.skipped;
      say(`SKIPPED: ${name} is not measured: ${peer.skipped}`);
    } else {
      paths[name] = peer;
      versions[name] = peer.version;
    }
  }
  const samples = new Map(Object.keys(paths).map((name) => [name, []]));
  const slice = ({ url, headers }, durationMs) => load.ask({ kind: 'slice', order: { url, bodyBytes: Number(values.body), stream: false, cold: true, durationMs, connections: 16, ...(headers === undefined ? {} : { headers }) } });
  for (const path of Object.values(paths)) for (let calls = 0, slices = 0; calls < Number(values.warm) && slices < 10; slices++) calls += (await slice(path, 2000)).calls;
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, path] of Object.entries(paths)) {
      const before = cpuMs(path.pid);
      const { calls, failed, elapsedMs } = await slice(path, 1000 * Number(values.slice));
      samples.get(name).push({ failed, requestsPerSecond: (1000 * calls) / elapsedMs, cpuMsPerRequest: (cpuMs(path.pid) - before) / Math.max(1, calls + 16) });
    }
  }
  const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)];
  const runs = [...samples].map(([path, rounds]) => ({
    path, version: versions[path], failed: rounds.reduce((sum, { failed }) => sum + failed, 0),
    requestsPerSecond: median(rounds.map((one) => one.requestsPerSecond)), cpuMsPerRequest: median(rounds.map((one) => one.cpuMsPerRequest)),
  }));
  const ours = runs[0].cpuMsPerRequest;
  const bars = runs.slice(1).map(({ path, version, failed, cpuMsPerRequest }) => ({ bar: `CPU per request at most ${BARS[path]} of that of ${path} ${version}`, found: ours / cpuMsPerRequest, met: failed === 0 && ours / cpuMsPerRequest <= BARS[path] }));
  for (const { path, version, requestsPerSecond, cpuMsPerRequest, failed } of runs) say(`${`${path} ${version ?? ''}`.padEnd(24)}${requestsPerSecond.toFixed(0).padStart(7)} rps${cpuMsPerRequest.toFixed(3).padStart(10)} ms CPU${failed > 0 ? `  ${failed} FAILED` : ''}`);
  for (const { bar, found, met } of bars) say(`${met ? 'met   ' : 'MISSED'} ${bar}: ${found.toFixed(3)}`);
  if (values.json) process.stdout.write(`${JSON.stringify({ node: process.version, bodyBytes: Number(values.body), versions, skipped, runs, bars })}\n`);
  if (values.assert && bars.some(({ met }) => !met)) process.exitCode = 1;
} finally {
  for (const child of started.toReversed()) child.kill();
}
