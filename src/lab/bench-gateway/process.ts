/** A part in a process of its own: started, asked, ended. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { Answered, Asked, Order, PartName, Ready } from './part.ts';

export interface PartCommand {
  /** What runs a part: executable and arguments, to which the part's own are added. */
  readonly command: readonly string[];
  /** Bind the process to one core, where the system can. */
  readonly core?: number;
  /** Beside that of this process, which goes first. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Two cores and a way to choose between them: the paths on one, load and upstream on the other. */
export const canPin = (): boolean => availableParallelism() > 1 && spawnSync('taskset', ['-V'], { stdio: 'ignore' }).status === 0;

export class PartProcess {
  readonly name: PartName;
  url = '';
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #asked = 0;
  #stderr = '';

  private constructor(name: PartName, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    child.stderr?.on('data', (part: Buffer) => { this.#stderr = (this.#stderr + part.toString()).slice(-4000); });
  }

  static async start(name: PartName, upstream: string, { command, core, environment }: PartCommand): Promise<PartProcess> {
    const own = [...command, '--part', name, '--part-upstream', upstream];
    const [file, ...rest] = core === undefined ? own : ['taskset', '-c', String(core), ...own];
    const part = new PartProcess(name, spawn(file, rest, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], env: { ...environment, ...process.env } }));
    await part.#ready();
    return part;
  }

  #ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      const ended = (): void => {
        const error = new Error(`the process of ${this.name} ended: ${this.#stderr.trim()}`);
        reject(error);
        for (const { reject: fail } of this.#waiting.values()) fail(error);
        this.#waiting.clear();
      };
      this.#child.on('error', reject);
      this.#child.on('exit', ended);
      this.#child.on('message', (message: Ready | Answered) => {
        if ('ready' in message) {
          this.url = message.url;
          resolve();
          return;
        }
        const waiting = this.#waiting.get(message.id);
        this.#waiting.delete(message.id);
        if ('error' in message) waiting?.reject(new Error(`${this.name}: ${message.error}`));
        else waiting?.resolve(message.value);
      });
    });
  }

  ask<Value>(order: Order): Promise<Value> {
    const id = (this.#asked += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: (value) => resolve(value as Value), reject });
      this.#child.send({ id, order } satisfies Asked);
    });
  }

  /** Closing the channel ends it. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    await new Promise<void>((resolve) => {
      this.#child.on('exit', () => resolve());
      if (this.#child.connected) this.#child.disconnect();
      else this.#child.kill();
    });
  }
}
