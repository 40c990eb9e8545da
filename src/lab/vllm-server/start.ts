/** Starts the real vLLM on loopback ports of its own, and stops it surely. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { EntresolError } from '../../core/index.ts';
import type { VllmEnvironment } from './install.ts';
import { builtPlugin } from './plugin.ts';
import { vllmSources } from './sources.ts';

export interface VllmServerOptions {
  /** `fake`: everything is vLLM's but the forward pass (exact hits, no real latencies). `real`: computed by the CPU. */
  readonly executor: 'fake' | 'real';
  /** Stock vLLM, or with the package `entresol-vllm`, neutral if need be. */
  readonly plugin: boolean | 'neutral';
  /** Of the cache, as calls can use them: vLLM keeps one more for itself. Must hold a call of `contextTokens`. */
  readonly blocks: number;
  /** Tokens per block; with the real executor a multiple of 32. Default 32. */
  readonly blockSize?: number;
  /** Default: as many as the blocks hold, at most 32,768. */
  readonly contextTokens?: number;
  /** Calls that run at a time. Default 64. */
  readonly maxSequences?: number;
  /** Each step is scheduled while the one before is computed, as vLLM does by default; here it is off by default, for steps that repeat. */
  readonly asyncScheduling?: boolean;
  readonly hashAlgorithm?: 'sha256' | 'sha256_cbor';
  /** Of the fake executor: per prefill token, and per step that decodes. Default 0. */
  readonly prefillUs?: number;
  readonly decodeMs?: number;
  /** The side channel's secret; default none, which loopback permits. */
  readonly secret?: string;
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Each line that the server logs. */
  readonly log?: (line: string) => void;
  readonly startTimeoutMs?: number;
}

export interface VllmServer {
  /** Such as `http://127.0.0.1:8123`. */
  readonly url: string;
  readonly model: string;
  readonly processId: number;
  /** ZeroMQ endpoints of KV events (topic `kv-events`), of their replay, and of the package's side channel. */
  readonly eventsEndpoint: string;
  readonly replayEndpoint: string;
  readonly controlEndpoint?: string;
  /** The last of its log. */
  logged(): string;
  stop(): Promise<void>;
}

export const VLLM_MODEL = 'tiny';
const KEPT_LINES = 200;
const ASK_EVERY_MS = 200;
const LARGEST_CONTEXT = 32_768;
const SIDE_CHANNEL = /entresol-vllm: side channel at (\S+)/u;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => { server.close(resolve); });
  return port;
}

function flagsOf(options: VllmServerOptions, environment: VllmEnvironment, port: number): string[] {
  const blockSize = options.blockSize ?? 32;
  const events = { enable_kv_cache_events: true, publisher: 'zmq', endpoint: 'tcp://*:0', replay_endpoint: 'tcp://*:0', topic: 'kv-events' };
  return [
    '--model', environment.model, '--served-model-name', VLLM_MODEL, '--load-format', 'dummy', '--enforce-eager', '--dtype', 'bfloat16',
    '--host', '127.0.0.1', '--port', String(port), '--max-model-len', String(options.contextTokens ?? Math.min(LARGEST_CONTEXT, options.blocks * blockSize)),
    '--block-size', String(blockSize), '--num-gpu-blocks-override', String(options.blocks + 1), '--max-num-seqs', String(options.maxSequences ?? 64),
    '--enable-prefix-caching', '--prefix-caching-hash-algo', options.hashAlgorithm ?? 'sha256', '--enable-prompt-tokens-details', '--enable-per-request-metrics',
    '--scheduling-policy', 'priority', options.asyncScheduling === true ? '--async-scheduling' : '--no-async-scheduling', '--enable-scale-out', '--kv-events-config', JSON.stringify(events),
    '--distributed-executor-backend', options.executor === 'fake' ? 'entresol_vllm_server.stand_in.StandInExecutor' : 'uni',
    ...(options.flags ?? []),
  ];
}

async function environmentVariables(options: VllmServerOptions, environment: VllmEnvironment): Promise<NodeJS.ProcessEnv> {
  const path = [join(vllmSources(), 'server')];
  if (options.plugin !== false) path.push(await builtPlugin(environment));
  return {
    ...process.env, PYTHONPATH: path.join(delimiter), PYTHONDONTWRITEBYTECODE: '', PYTHONUNBUFFERED: '1',
    VLLM_NO_USAGE_STATS: '1', DO_NOT_TRACK: '1', HF_HUB_OFFLINE: '1', TRANSFORMERS_OFFLINE: '1', VLLM_SERVER_DEV_MODE: '1',
    // KV events bind the address of the machine, which is to be no other than loopback.
    VLLM_HOST_IP: '127.0.0.1', VLLM_TARGET_DEVICE: 'cpu', VLLM_CPU_KVCACHE_SPACE: '1', VLLM_CPU_OMP_THREADS_BIND: 'nobind', OMP_NUM_THREADS: '1',
    // Else "uni" becomes a worker process of its own on CPUs.
    ...(options.executor === 'real' ? { VLLM_ENABLE_V1_MULTIPROCESSING: '0' } : {}),
    ENTRESOL_STAND_IN_PREFILL_US: String(options.prefillUs ?? 0), ENTRESOL_STAND_IN_DECODE_MS: String(options.decodeMs ?? 0),
    ENTRESOL_VLLM: options.plugin === 'neutral' ? 'neutral' : 'active', ENTRESOL_VLLM_ENDPOINT: 'tcp://127.0.0.1:0',
    ...(options.secret === undefined ? {} : { ENTRESOL_VLLM_SECRET: options.secret }),
    ...options.env,
  };
}

/** The server and all that it started lead one process group. */
async function end(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
  await ended;
}

interface EventSource { readonly endpoint: string; readonly replay_endpoint: string }

async function eventSource(url: string): Promise<EventSource | undefined> {
  const response = await fetch(`${url}/kv_event_sources`);
  if (!response.ok) return undefined;
  const text = await response.text();
  const found = (name: string): string | undefined => new RegExp(`"${name}":\\s*"([^"]+)"`, 'u').exec(text)?.[1];
  const endpoint = found('endpoint');
  return endpoint === undefined ? undefined : { endpoint, replay_endpoint: found('replay_endpoint') ?? '' };
}

/**
 * @returns once it answers: 25 to 70 s with the fake executor, longer with the real one; most of that is Python reading its modules
 * @throws EntresolError `ENT_VLLM_UNAVAILABLE` with the end of its log, if it ends or stays silent for `startTimeoutMs` (150 s)
 */
export async function startVllm(environment: VllmEnvironment, options: VllmServerOptions): Promise<VllmServer> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = await environmentVariables(options, environment);
  // Its standard input stays open as long as this process lives: when it closes, the server ends itself.
  const child = spawn(environment.python, ['-m', 'entresol_vllm_server', ...flagsOf(options, environment, port)], { env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  const lines: string[] = [];
  let controlEndpoint: string | undefined;
  let rest = '';
  const take = (bytes: Buffer): void => {
    const pieces = (rest + bytes.toString()).split('\n');
    rest = pieces.pop() ?? '';
    for (const line of pieces) {
      options.log?.(line);
      lines.push(line);
      if (lines.length > KEPT_LINES) lines.shift();
      controlEndpoint ??= SIDE_CHANNEL.exec(line)?.[1];
    }
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  child.stdin.on('error', () => undefined);
  let isEnded = false;
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => { lines.push(error.message); isEnded = true; resolve(); });
    child.once('close', () => { isEnded = true; resolve(); });
  });
  const stop = (): Promise<void> => end(child, ended);
  const deadline = performance.now() + (options.startTimeoutMs ?? 150_000);
  for (;;) {
    const healthy = await fetch(`${url}/health`).then((response) => response.ok, () => false);
    // What it logged before it was healthy may be read after that.
    if (healthy && (options.plugin === false || controlEndpoint !== undefined)) break;
    if (isEnded || performance.now() > deadline) {
      await stop();
      throw new EntresolError('ENT_VLLM_UNAVAILABLE', `vLLM ${isEnded ? 'ended' : healthy ? 'said nothing of a side channel' : 'did not answer in time'}: ${lines.slice(-30).join('\n')}`);
    }
    await new Promise((resolve) => { setTimeout(resolve, ASK_EVERY_MS); });
  }
  const source = await eventSource(url);
  if (source === undefined) {
    await stop();
    throw new EntresolError('ENT_VLLM_UNAVAILABLE', 'vLLM does not say where it publishes its KV events.');
  }
  return {
    url, model: VLLM_MODEL, processId: child.pid!, eventsEndpoint: source.endpoint, replayEndpoint: source.replay_endpoint,
    ...(controlEndpoint === undefined ? {} : { controlEndpoint }), logged: () => lines.join('\n'), stop,
  };
}
