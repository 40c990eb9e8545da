/** Reads a request's body within its bounds, and a parsed copy of it. */
import { EntresolError } from '../core/index.ts';
import { LentBuffers, type BodyBuffers } from './body-buffers.ts';
import { codingsOf, unpack } from './encodings.ts';
import { memoryIsFull } from './memory-budget.ts';
import type { OpenCall } from './open-call.ts';

/** Deeper than any real request; what recurses over a body stays far from the end of the stack. */
const MAXIMUM_DEPTH = 256;

const expectsContinue = (expect: string | undefined): boolean => expect !== undefined && /^100-continue$/i.test(expect.trim());

/** Where the pieces of a body come together. */
interface Gathering {
  add(part: Buffer): void;
  whole(): Buffer;
}

const inPieces = (): Gathering => {
  const parts: Buffer[] = [];
  return { add: (part) => { parts.push(part); }, whole: () => (parts.length === 1 ? parts[0] : Buffer.concat(parts)) };
};

/** @param memory as long as the body was announced to be: the parser lets no more through */
const into = (memory: Buffer): Gathering => {
  let bytes = 0;
  return {
    add: (part) => {
      memory.set(part, bytes);
      bytes += part.length;
    },
    whole: () => memory.subarray(0, bytes),
  };
};

const gather = (memory: Buffer | undefined): Gathering => (memory === undefined ? inPieces() : into(memory));

/**
 * @param memoryFor where a body of so many bytes comes together; asked when its first byte has come
 * @throws EntresolError `ENT_BODY_TOO_LARGE`, `ENT_OVERLOADED`, `ENT_CANCELLED`
 */
export function readBody(call: OpenCall, maximumBytes: number, memoryFor?: (announcedBytes: number) => Buffer | undefined): Promise<Buffer> {
  const { request, response } = call;
  const tooLarge = (): EntresolError => new EntresolError('ENT_BODY_TOO_LARGE', `The body is larger than ${maximumBytes} bytes.`);
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maximumBytes) return Promise.reject(tooLarge());
  // Only now: a client that asks first is told of a refusal before it has sent anything.
  if (expectsContinue(request.headers.expect)) response.writeContinue();
  return new Promise((resolve, reject) => {
    let gathering: Gathering | undefined;
    let bytes = 0;
    let refused = false;
    const refuse = (error: EntresolError): void => {
      refused = true;
      gathering = undefined;
      request.pause();
      reject(error);
    };
    request.on('data', (part: Buffer) => {
      if (refused) return;
      bytes += part.length;
      if (bytes > maximumBytes) refuse(tooLarge());
      else if (!call.hold(part.length)) refuse(memoryIsFull());
      else (gathering ??= gather(memoryFor?.(announced))).add(part);
    });
    request.on('end', () => resolve(gathering?.whole() ?? Buffer.alloc(0)));
    request.on('close', () => {
      if (!request.complete) reject(new EntresolError('ENT_CANCELLED', 'The connection closed before the whole body had come.'));
    });
    // What it was, `close` tells.
    request.on('error', () => undefined);
  });
}

export interface ReceivedBody {
  /** As it came. */
  readonly bytes: Buffer;
  /** What it says: the same, unless it came compressed. */
  readonly plain: Buffer;
  /** Its memory, and that of changed copies. */
  readonly lent: LentBuffers;
}

/** @throws EntresolError as `readBody` */
export async function receiveUnread(call: OpenCall, maximumBytes: number, buffers: BodyBuffers): Promise<ReceivedBody> {
  const lent = new LentBuffers(buffers, (bytes) => call.hold(bytes));
  try {
    const bytes = await readBody(call, maximumBytes, (announced) => lent.forBody(announced));
    return { bytes, plain: bytes, lent };
  } catch (thrown) {
    lent.release();
    throw thrown;
  }
}

/** @throws EntresolError as `readBody` and `unpack` */
export async function receiveBody(call: OpenCall, maximumBytes: number, buffers: BodyBuffers): Promise<ReceivedBody> {
  const received = await receiveUnread(call, maximumBytes, buffers);
  const encoding = call.request.headers['content-encoding'];
  if (encoding === undefined || codingsOf(encoding).length === 0) return received;
  try {
    const plain = await unpack(received.bytes, encoding, maximumBytes);
    if (!call.hold(plain.length)) throw memoryIsFull();
    return { ...received, plain };
  } catch (thrown) {
    received.lent.release();
    throw thrown;
  }
}

/** Walks without recursion: the value may be nested a hundred thousand deep. */
function depthWithin(value: unknown, maximum: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maximum) return false;
    const next: unknown[] = [];
    for (const entry of level) {
      if (typeof entry !== 'object' || entry === null) continue;
      for (const child of Object.values(entry)) if (typeof child === 'object' && child !== null) next.push(child);
    }
    level = next;
  }
  return true;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** @throws EntresolError `ENT_BAD_JSON`, `ENT_BAD_REQUEST` unless it is one JSON object of sane depth. */
export function parseObject(body: Buffer): JsonObject {
  const value = parseJson(body);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const what = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`;
    throw new EntresolError('ENT_BAD_JSON', `The body is ${what}, not a JSON object.`, { at: 'body' });
  }
  return value as JsonObject;
}

/** @throws EntresolError `ENT_BAD_JSON`, `ENT_BAD_REQUEST` */
export function parseJson(body: Buffer): unknown {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8')) as unknown;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new EntresolError('ENT_BAD_JSON', `The body is not JSON: ${why.slice(0, 200)}.`, { at: 'body', cause: error });
  }
  if (!depthWithin(value, MAXIMUM_DEPTH)) throw new EntresolError('ENT_BAD_REQUEST', `The body is nested deeper than ${MAXIMUM_DEPTH} levels.`, { at: 'body' });
  return value;
}
