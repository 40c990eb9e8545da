/** Asks a publisher's replay socket for messages that were missed. */
import type { ZeroMq } from './libraries.ts';

export interface Replayed {
  readonly sequence: number;
  readonly payload: Buffer;
}

/** Marks the end: all ones. */
const END = 0xffff_ffff_ffff_ffffn;

export function sequenceFrame(sequence: number): Buffer {
  const frame = Buffer.alloc(8);
  frame.writeBigUInt64BE(BigInt(sequence));
  return frame;
}

/** Undefined for what is no sequence number. */
export function readSequence(frame: Buffer): number | undefined {
  if (frame.length !== 8) return undefined;
  const value = frame.readBigUInt64BE();
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}

/**
 * Messages from `from` to `to`, in order, as far as the publisher still has them; fewer if it stops answering.
 * Aborted, it ends at once. Each time on a socket of its own, so that no late answer to one question is taken for that to another.
 */
export async function* replay({ Dealer }: ZeroMq, endpoint: string, from: number, to: number, timeoutMs: number, signal: AbortSignal): AsyncGenerator<Replayed> {
  if (signal.aborted) return;
  const socket = new Dealer({ receiveHighWaterMark: 100_000, receiveTimeout: timeoutMs, sendTimeout: timeoutMs, linger: 0, reconnectInterval: 100 });
  const close = (): void => socket.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    socket.connect(endpoint);
    await socket.send([Buffer.alloc(0), sequenceFrame(from)]);
    for (;;) {
      const parts: Buffer[] = await socket.receive();
      // Three parts, or four with the topic before the number (vLLM since 0.32).
      const [number, payload] = parts.slice(-2);
      if (parts.length < 3 || number.length !== 8 || number.readBigUInt64BE() === END) return;
      const sequence = readSequence(number);
      if (sequence === undefined || sequence > to) return;
      if (sequence >= from) yield { sequence, payload };
      if (sequence === to) return;
    }
  } catch (error) {
    // It has stopped answering, or never did: what came before stands, and the rest counts as lost.
    if (!signal.aborted && (error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  } finally {
    signal.removeEventListener('abort', close);
    socket.close();
  }
}
