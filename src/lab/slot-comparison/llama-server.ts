/** A real llama-server as a child process, to calibrate our model of its rules. */
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
  readonly #process: ChildProcess;
  readonly #port: number;

  private constructor(process: ChildProcess, port: number) {
    this.#process = process;
    this.#port = port;
  }

  /** @throws EntresolError `ENT_ENGINE_UNAVAILABLE` */
  static async start(options: LlamaServerOptions): Promise<LlamaServer> {
    const port = await freePort();
    const child = spawn(options.binary, [
      '-m', options.modelPath, '--host', '127.0.0.1', '--port', String(port), '-t', String(options.threads), '-tb', String(options.threads),
      '-b', '512', '-ub', '512', '-np', String(options.slots), '-c', String(options.slots * options.contextTokens),
      '--no-kv-unified', '--cache-ram', String(options.cacheMiB), '--no-warmup',
    ], { stdio: 'ignore' });
    const server = new LlamaServer(child, port);
    const state: { failed?: string } = {};
    child.on('error', (error) => { state.failed = error.message; });
    child.on('exit', (code) => { state.failed = `it ended with ${code}`; });
    for (let attempt = 0; attempt < START_TRIES && state.failed === undefined; attempt++) {
      if (await server.#healthy()) return server;
      await sleep(START_PAUSE_MS);
    }
    child.kill('SIGKILL');
    throw new EntresolError('ENT_ENGINE_UNAVAILABLE', `llama-server did not start: ${state.failed ?? 'it does not answer'}.`, { at: options.binary });
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

  async close(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    await new Promise<void>((resolve) => {
      this.#process.once('exit', () => { resolve(); });
      this.#process.kill('SIGTERM');
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
