/** Content encodings that can be read here: what Node's zlib has. Zstandard came with Node 22.15. */
import * as zlib from 'node:zlib';
import type { Transform } from 'node:stream';
import { EntresolError } from '../core/index.ts';

interface WithZstd { readonly zstdDecompress?: typeof zlib.gunzip; readonly createZstdDecompress?: () => Transform }

type Whole = (bytes: Buffer, options: { maxOutputLength: number }, done: (error: Error | null, result: Buffer) => void) => void;
interface Encoding { readonly whole: Whole; stream(): Transform }

const { zstdDecompress, createZstdDecompress } = zlib as WithZstd;
const GZIP: Encoding = { whole: zlib.gunzip, stream: () => zlib.createGunzip() };
const READABLE: ReadonlyMap<string, Encoding> = new Map<string, Encoding>([
  ['gzip', GZIP],
  ['x-gzip', GZIP],
  ['deflate', { whole: zlib.inflate, stream: () => zlib.createInflate() }],
  ['br', { whole: zlib.brotliDecompress, stream: () => zlib.createBrotliDecompress() }],
  ...(zstdDecompress === undefined || createZstdDecompress === undefined ? [] : [['zstd', { whole: zstdDecompress as Whole, stream: createZstdDecompress }] as const]),
]);

/** More in a row than anyone has a use for. */
const MOST_ENCODINGS = 3;

/** The codings of a `content-encoding` header, the outermost last; empty where there is none. */
export function codingsOf(header: string | undefined): string[] {
  if (header === undefined) return [];
  return header.toLowerCase().split(',').map((name) => name.trim()).filter((name) => name !== '' && name !== 'identity');
}

/**
 * What a request's body says, whatever it is packed in.
 * @throws EntresolError `ENT_UNSUPPORTED_ENCODING`, `ENT_BODY_TOO_LARGE`, `ENT_BAD_REQUEST` for bytes that are not in the encoding they are said to be in
 */
export async function unpack(body: Buffer, header: string, maximumBytes: number): Promise<Buffer> {
  const codings = codingsOf(header);
  const at = 'header content-encoding';
  let bytes = body;
  for (const coding of codings.toReversed()) {
    const encoding = codings.length > MOST_ENCODINGS ? undefined : READABLE.get(coding);
    if (encoding === undefined) throw new EntresolError('ENT_UNSUPPORTED_ENCODING', `A body in ${JSON.stringify(header)} cannot be read here.`, { at });
    bytes = await new Promise<Buffer>((resolve, reject) => {
      encoding.whole(bytes, { maxOutputLength: maximumBytes }, (error, result) => {
        if (error === null) resolve(result);
        else if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') reject(new EntresolError('ENT_BODY_TOO_LARGE', `The body is larger than ${maximumBytes} bytes once it is unpacked.`, { cause: error }));
        else reject(new EntresolError('ENT_BAD_REQUEST', `The body is no whole ${coding}.`, { at, cause: error }));
      });
    });
  }
  return bytes;
}

/** A stream that unpacks an answer; undefined for an encoding that cannot be read here. */
export function unpacker(header: string): Transform | undefined {
  const [coding, ...more] = codingsOf(header);
  return more.length > 0 ? undefined : READABLE.get(coding)?.stream();
}

/** An `accept-encoding` that offers only what can be read here, in the client's order and with its weights. */
export function readableOffer(header: string): string {
  const kept = header.split(',').map((part) => part.trim()).filter((part) => {
    const name = part.split(';', 1)[0].trim().toLowerCase();
    return name === 'identity' || READABLE.has(name);
  });
  return kept.length === 0 ? 'identity' : kept.join(', ');
}
