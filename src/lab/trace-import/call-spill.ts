/** Imported calls on disk, in a temporary file: memory keeps where each session's calls lie, and sums. */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HashedRun, ImportedCall } from './imported-call.ts';

const BUFFER_BYTES = 1 << 20;
/** Tokens of a byte of English or code, where no usage tells better. */
const USUAL_TOKENS_PER_BYTE = 0.25;
/** Calibrated figures beyond these are no tokeniser's: the log's usage is of something else. */
const TOKENS_PER_BYTE = { least: 0.1, most: 1 };

interface Session { firstMs: number | null; readonly places: number[] }

export class CallSpill {
  readonly #folder = mkdtempSync(join(tmpdir(), 'entresol-import-'));
  readonly #file = openSync(join(this.#folder, 'calls'), 'w+', 0o600);
  readonly #sessions = new Map<string, Session>();
  readonly #hidden = new Map<string, number>();
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #end = 0;
  #calls = 0;
  #usageTokens = 0;
  #usageBytes = 0;

  get calls(): number { return this.#calls; }

  add(call: ImportedCall): void {
    const bytes = Buffer.from(JSON.stringify(call));
    let session = this.#sessions.get(call.session);
    if (session === undefined) this.#sessions.set(call.session, session = { firstMs: call.startMs, places: [] });
    if (call.startMs !== null) session.firstMs = Math.min(session.firstMs ?? Infinity, call.startMs);
    session.places.push(this.#end, bytes.length);
    this.#end += bytes.length;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    this.#calls++;
    this.#sum(call);
    if (this.#pendingBytes > BUFFER_BYTES) this.#flush();
  }

  /** Sessions by their first call's time; where the source has no clock, as they came. */
  sessions(): string[] {
    return [...this.#sessions].toSorted(([, one], [, other]) => (one.firstMs === null || other.firstMs === null ? 0 : one.firstMs - other.firstMs)).map(([id]) => id);
  }

  /** One session's calls, in the order of the source. */
  * callsOf(session: string): Generator<ImportedCall> {
    this.#flush();
    const places = this.#sessions.get(session)?.places ?? [];
    for (let index = 0; index < places.length; index += 2) {
      const bytes = Buffer.alloc(places[index + 1]);
      readSync(this.#file, bytes, 0, bytes.length, places[index]);
      yield JSON.parse(bytes.toString('utf8')) as ImportedCall;
    }
  }

  /** By the usage that calls with a whole prompt reported, else the usual. */
  get tokensPerByte(): number {
    const measured = this.#usageBytes === 0 ? USUAL_TOKENS_PER_BYTE : this.#usageTokens / this.#usageBytes;
    return Math.min(TOKENS_PER_BYTE.most, Math.max(TOKENS_PER_BYTE.least, measured));
  }

  /** Tokens of a hidden part: the least that any first prompt had beyond what is seen of it. */
  hiddenTokens(name: string): number { return Math.max(0, this.#hidden.get(name) ?? 0); }

  remove(): void {
    closeSync(this.#file);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #sum({ keep, add, usage, hidden }: ImportedCall): void {
    if (keep > 0 || usage?.in === undefined) return;
    const bytes = add.reduce((sum, run) => sum + ('bytes' in run ? run.bytes : 0), 0);
    const tokens = add.reduce((sum, run) => sum + ('tokens' in run ? run.tokens : 0), 0);
    if (hidden !== undefined) {
      const beyond = Math.round(usage.in - tokens - bytes * USUAL_TOKENS_PER_BYTE);
      this.#hidden.set(hidden, Math.min(this.#hidden.get(hidden) ?? Infinity, beyond));
    } else if (bytes > 0 && usage.in > tokens) {
      this.#usageBytes += bytes;
      this.#usageTokens += usage.in - tokens;
    }
  }

  #flush(): void {
    for (const bytes of this.#pending) writeSync(this.#file, bytes);
    this.#pending = [];
    this.#pendingBytes = 0;
  }
}

export function tokensOf(run: HashedRun, tokensPerByte: number): number {
  return 'tokens' in run ? run.tokens : Math.max(1, Math.round(run.bytes * tokensPerByte));
}
