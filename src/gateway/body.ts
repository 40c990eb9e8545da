/** Reads a request's body within its bound, and a parsed copy of it. */
import type { IncomingMessage } from 'node:http';
import { EntresolError } from '../core/index.ts';

/** Deeper than any real request; what recurses over a body stays far from the end of the stack. */
const MAXIMUM_DEPTH = 256;

/** @throws EntresolError `ENT_BODY_TOO_LARGE`, `ENT_CANCELLED` */
export function readBody(request: IncomingMessage, maximumBytes: number): Promise<Buffer> {
  const tooLarge = (): EntresolError => new EntresolError('ENT_BODY_TOO_LARGE', `The body is larger than ${maximumBytes} bytes.`);
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maximumBytes) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    request.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes > maximumBytes) {
        request.pause();
        reject(tooLarge());
      } else parts.push(part);
    });
    request.on('end', () => resolve(parts.length === 1 ? parts[0] : Buffer.concat(parts)));
    const gone = (): void => {
      if (!request.complete) reject(new EntresolError('ENT_CANCELLED', 'The connection closed before the whole body had come.'));
    };
    request.on('error', gone);
    request.on('close', gone);
  });
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
