/** A real llama-server as a child process: to calibrate our model of its rules, for tests of its adapter, and for benches. */
import { spawn, type ChildProcess } from 'node:child_process';
import { request } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { EntresolError } from '../../core/index.ts';

export interface LlamaServerOptions {
  readonly binary: string;
  readonly modelPath: string;
  readonly slots: number;
  readonly contextTokens: number;
  /** `--cache-ram`. */
  readonly cacheMiB: number;
  readonly threads: number;
  /** `--slot-save-path`, with a separator at its end. */
  readonly slotSavePath?: string;
  /** Others. */
  readonly flags?: readonly string[];
}

export interface Completion {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly ttftMs: number;
  readonly totalMs: number;
}

const START_TRIES = 300;
const START_PAUSE_MS = 100;

export class LlamaServer {
  readonly #options: LlamaServerOptions;
  readonly #port: number;
  #process: ChildProcess | undefined;

  private constructor(options: LlamaServerOptions, port: number) {
    this.#options = options;
    this.#port = port;
  }

  /** @throws EntresolError `ENT_ENGINE_UNAVAILABLE` */
  static async start(options: LlamaServerOptions): Promise<LlamaServer> {
    const server = new LlamaServer(options, await freePort());
    await server.begin();
    return server;
  }

  get url(): string { return `http://127.0.0.1:${this.#port}`; }
  get processId(): number | undefined { return this.#process?.pid; }

  /** Starts it again after `close` or `kill`, at the same port. @throws EntresolError `ENT_ENGINE_UNAVAILABLE` */
  async begin(): Promise<void> {
    const { binary, modelPath, threads, slots, contextTokens, cacheMiB, slotSavePath, flags = [] } = this.#options;
    const child = spawn(binary, [
      '-m', modelPath, '--host', '127.0.0.1', '--port', String(this.#port), '-t', String(threads), '-tb', String(threads),
      '-b', '512', '-ub', '512', '-np', String(slots), '-c', String(slots * contextTokens),
      '--no-kv-unified', '--cache-ram', String(cacheMiB), '--no-warmup', ...(slotSavePath === undefined ? [] : ['--slot-save-path', slotSavePath]), ...flags,
    ], { stdio: 'ignore' });
    this.#process = child;
    const state: { failed?: string } = {};
    child.on('error', (error) => { state.failed = error.message; });
    child.on('exit', (code) => { state.failed = `it ended with ${code}`; });
    for (let attempt = 0; attempt < START_TRIES && state.failed === undefined; attempt++) {
      if (await this.#healthy()) return;
      await sleep(START_PAUSE_MS);
    }
    child.kill('SIGKILL');
    throw new EntresolError('ENT_ENGINE_UNAVAILABLE', `llama-server did not start: ${state.failed ?? 'it does not answer'}.`, { at: binary });
  }

  complete(prompt: Int32Array, outputTokens: number): Promise<Completion> {
    const body = JSON.stringify({
      prompt: Array.from(prompt), n_predict: outputTokens, stream: true, cache_prompt: true, temperature: 0, top_k: 1, samplers: ['top_k'], ignore_eos: true,
    });
    const startedMs = performance.now();
    return new Promise((resolve, reject) => {
      // It announces keep-alive and closes the socket after a streamed answer: a new one each time.
      const call = request({ host: '127.0.0.1', port: this.#port, path: '/completion', method: 'POST', agent: false, headers: { 'content-type': 'application/json' } }, (answer) => {
        let firstMs: number | undefined;
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => {
          firstMs ??= performance.now();
          text += chunk;
        });
        answer.on('error', reject);
        answer.on('end', () => {
          const counts = /"cache_n":(\d+),"prompt_n":(\d+)/.exec(text);
          if (counts === null) {
            reject(new EntresolError('ENT_UPSTREAM_FAILED', `llama-server answered ${answer.statusCode} without timings.`));
            return;
          }
          const endedMs = performance.now();
          resolve({
            cachedTokens: Number(counts[1]), promptTokens: Number(counts[1]) + Number(counts[2]),
            ttftMs: (firstMs ?? endedMs) - startedMs, totalMs: endedMs - startedMs,
          });
        });
      });
      call.on('error', reject);
      call.end(body);
    });
  }

  async close(): Promise<void> { await this.#end('SIGTERM'); }

  /** As a crash would. */
  async kill(): Promise<void> { await this.#end('SIGKILL'); }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    await new Promise<void>((resolve) => {
      child.once('exit', () => { resolve(); });
      child.kill(signal);
    });
  }

  #healthy(): Promise<boolean> {
    return new Promise((resolve) => {
      const probe = request({ host: '127.0.0.1', port: this.#port, path: '/health', agent: false }, (answer) => {
        answer.resume();
        answer.on('end', () => { resolve(answer.statusCode === 200); });
      });
      probe.on('error', () => { resolve(false); });
      probe.end();
    });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => { resolve(port); });
    });
  });
}
