import { fork, type ChildProcess } from 'node:child_process';
import { EntresolError } from '../../core/index.ts';
import { childPath } from './child-path.ts';
import type { OperationKind, Operations, ToChild, ToParent } from './protocol.ts';

/** All that the engine's process needs to know of our environment; credentials stay here. */
const PASSED_VARIABLES = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'TMP', 'LANG', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'SystemRoot', 'USERPROFILE', 'LOCALAPPDATA'];
const STDERR_CHARACTERS = 2000;
const CLOSE_MS = 2000;

interface Pending {
  resolve(value: Operations[OperationKind]['reply']): void;
  reject(error: Error): void;
  readonly onToken?: (token: number) => void;
  /** Removes the abort listener. */
  release(): void;
}

export interface RequestOptions {
  readonly signal?: AbortSignal;
  readonly onToken?: (token: number) => void;
}

/** One engine process and what has been asked of it. When it ends, all that is pending is rejected. */
export class ChildConnection {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #ended: Promise<void>;
  #next = 0;
  #closing = false;
  #stderr = '';
  #alive = true;

  /** @param onEnd called once when the process ends without `close` */
  constructor(onEnd: (error: EntresolError) => void) {
    const environment = Object.fromEntries(PASSED_VARIABLES.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
    this.#child = fork(childPath(), [], { serialization: 'advanced', execArgv: [], env: environment, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child.stderr?.on('data', (bytes: Buffer) => { this.#stderr = (this.#stderr + bytes.toString()).slice(-STDERR_CHARACTERS); });
    this.#child.on('message', (message: ToParent) => { this.#receive(message); });
    this.#ended = new Promise((resolve) => {
      const end = (how: string): void => {
        if (!this.#alive) return;
        this.#alive = false;
        const said = this.#stderr.trim();
        const error = new EntresolError('ENT_ENGINE_CRASHED', `the engine process ended (${how})${said === '' ? '.' : `: ${said}`}`);
        for (const pending of this.#pending.values()) {
          pending.release();
          pending.reject(error);
        }
        this.#pending.clear();
        if (!this.#closing) onEnd(error);
        resolve();
      };
      this.#child.once('exit', (status, signal) => { end(signal ?? `status ${status}`); });
      this.#child.on('error', (error) => { end(error.message); });
    });
  }

  get processId(): number | undefined { return this.#child.pid; }

  /** @throws EntresolError of the engine process, or `ENT_ENGINE_CRASHED` when it ends */
  request<Kind extends OperationKind>(kind: Kind, request: Operations[Kind]['request'], options: RequestOptions = {}): Promise<Operations[Kind]['reply']> {
    if (!this.#alive) return Promise.reject(new EntresolError('ENT_ENGINE_CRASHED', 'the engine process has ended.'));
    const id = this.#next++;
    return new Promise<Operations[Kind]['reply']>((resolve, reject) => {
      const onAbort = (): void => { this.#send({ kind: 'cancel', id }); };
      this.#pending.set(id, {
        // The reply's type follows from the request's kind, which the id stands for.
        resolve: resolve as Pending['resolve'],
        reject,
        onToken: options.onToken,
        release: () => { options.signal?.removeEventListener('abort', onAbort); },
      });
      this.#send({ kind, id, ...request } as ToChild);
      options.signal?.addEventListener('abort', onAbort, { once: true });
      if (options.signal?.aborted) onAbort();
    });
  }

  /** Ends the process by force, as if it had crashed. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Ends the process, by force after two seconds. What is pending is rejected. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#alive && this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => { this.#child.kill('SIGKILL'); }, CLOSE_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  #send(message: ToChild): void {
    // A failed send is followed by the end of the process, which rejects what is pending.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  #receive(message: ToParent): void {
    if (message.kind === 'tokens') {
      message.ids.forEach((id, index) => this.#pending.get(id)?.onToken?.(message.tokens[index]));
      return;
    }
    const pending = this.#pending.get(message.id);
    if (pending === undefined) return;
    this.#pending.delete(message.id);
    pending.release();
    if (message.kind === 'done') pending.resolve(message.value);
    else pending.reject(new EntresolError(message.code, message.message));
  }
}
