/**
 * Whether the package that answers at an endpoint is in the engine that calls go to. Two vLLMs on one machine have the
 * same endpoint by default, and only the first of them gets it: the package of one would be told what the other's cache
 * should keep. A call of our own, under a tag that nobody can guess, shows it: the package reports it, or does not.
 */
import { randomUUID } from 'node:crypto';

/** `unknown`: the call was not served, or could not be made. */
export type Owner = 'ours' | 'another' | 'unknown';

/** How long after the answer the report may take. It is sent before the answer is. */
const REPORT_MS = 5000;

export class PackageOwner {
  readonly #waiting = new Map<string, () => void>();
  readonly #reportMs: number;

  constructor(reportMs = REPORT_MS) {
    this.#reportMs = reportMs;
  }

  /** The package has reported a call with this tag. */
  heard(tag: string | undefined): void { if (tag !== undefined) this.#waiting.get(tag)?.(); }

  /** @param call makes the least call under a tag; resolves to whether it was served */
  async find(call: (tag: string) => Promise<boolean>): Promise<Owner> {
    const tag = `entresol ${randomUUID()}`;
    let timer: NodeJS.Timeout | undefined;
    try {
      const reported = new Promise<Owner>((resolve) => { this.#waiting.set(tag, () => resolve('ours')); });
      if (!await call(tag).catch(() => false)) return 'unknown';
      const late = new Promise<Owner>((resolve) => { timer = setTimeout(() => resolve('another'), this.#reportMs).unref(); });
      return await Promise.race([reported, late]);
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(tag);
    }
  }
}
