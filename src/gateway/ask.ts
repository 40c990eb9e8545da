/** A question of the gateway's own to an engine, on behalf of a client: its answer is kept, not passed on. */
import { asEntresolError } from './errors.ts';
import type { Answer, CallSignal, Engine, EngineCall } from '../core/index.ts';

/** Lists of models are some hundred kilobytes at the largest aggregators. */
const LONGEST_ANSWER_BYTES = 8 * 1024 * 1024;

/** One answer, whole. */
export class CollectedAnswer implements Answer {
  status = 0;
  private readonly parts: Buffer[] = [];
  private bytes = 0;
  private whole = false;

  head(status: number): void { this.status = status; }

  write(part: Uint8Array): void {
    this.bytes += part.length;
    if (this.bytes <= LONGEST_ANSWER_BYTES) this.parts.push(Buffer.from(part));
  }

  end(): void { this.whole = this.bytes <= LONGEST_ANSWER_BYTES; }
  destroy(): void { this.whole = false; }

  /** Undefined where it was cut, or too long. */
  get body(): Buffer | undefined { return this.whole ? Buffer.concat(this.parts) : undefined; }
}

/** @returns undefined where no whole answer came in time */
export async function ask(engine: Engine, call: Omit<EngineCall, 'signal'>, client: CallSignal, timeoutMs: number): Promise<CollectedAnswer | undefined> {
  const giveUp = new AbortController();
  const leave = (): void => giveUp.abort();
  client.addEventListener('abort', leave, { once: true });
  const timer = setTimeout(leave, timeoutMs);
  const answer = new CollectedAnswer();
  try {
    await engine.handle({ ...call, signal: giveUp.signal }, answer);
  } catch (thrown) {
    const error = asEntresolError(thrown);
    if (error.code === 'ENT_INTERNAL') throw thrown;
    return undefined;
  } finally {
    clearTimeout(timer);
    client.removeEventListener('abort', leave);
  }
  return answer.body === undefined ? undefined : answer;
}
