/** A frontend of Dynamo and a mocker behind it, on free ports of loopback, found by files. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeModel } from './model.ts';

const STARTED_WITHIN_MS = 90_000;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => { server.close(resolve); });
  return port;
}

export interface Cluster {
  readonly url: string;
  readonly events: string;
  readonly replays: string;
  /** Ends the worker and starts another; resolves when calls are served again. */
  restartWorker(): Promise<void>;
  close(): Promise<void>;
}

export async function startCluster(python: string): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'entresol-dynamo-'));
  const model = join(folder, 'model');
  writeModel(model);
  mkdirSync(join(folder, 'kv'));
  const [http, events, replays] = [await freePort(), await freePort(), await freePort()];
  const planes = ['--discovery-backend', 'file', '--request-plane', 'tcp', '--event-plane', 'zmq'];
  const said: string[] = [];
  const run = (args: readonly string[]): ChildProcess => {
    const child = spawn(python, ['-m', ...args, ...planes], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, DYN_FILE_KV: join(folder, 'kv'), HF_HUB_OFFLINE: '1', DYN_LOG: 'warn' } });
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes: Buffer) => { said.push(bytes.toString()); said.splice(0, said.length - 50); });
    return child;
  };
  const startWorker = (): ChildProcess => run(['dynamo.mocker', '--model-path', model, '--model-name', 'm', '--num-gpu-blocks-override', '64', '--block-size', '16', '--speedup-ratio', '0', '--zmq-kv-events-ports', `${events}`, '--zmq-replay-ports', `${replays}`]);
  const end = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => { child.once('exit', resolve); });
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(late);
  };
  const url = `http://127.0.0.1:${http}`;
  const untilServed = async (wanted: boolean): Promise<void> => {
    const byMs = performance.now() + STARTED_WITHIN_MS;
    for (;;) {
      const models = await fetch(`${url}/v1/models`).then((answer) => answer.text(), () => '');
      if (models.includes('"m"') === wanted) return;
      if (performance.now() > byMs) throw new Error(`Dynamo did not start: ${said.join('').slice(-2000)}`);
      await new Promise((resolve) => { setTimeout(resolve, 100); });
    }
  };
  const frontend = run(['dynamo.frontend', '--http-host', '127.0.0.1', '--http-port', `${http}`]);
  let worker = startWorker();
  const close = async (): Promise<void> => {
    await Promise.all([end(worker), end(frontend)]);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await untilServed(true);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    url, events: `tcp://127.0.0.1:${events}`, replays: `tcp://127.0.0.1:${replays}`, close,
    restartWorker: async () => {
      await end(worker);
      await untilServed(false);
      worker = startWorker();
      await untilServed(true);
    },
  };
}
