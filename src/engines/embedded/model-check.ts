import { open } from 'node:fs/promises';
import { EntresolError } from '../../core/index.ts';

const MAGIC = 'GGUF';
/** Magic, version, number of tensors, number of metadata entries. */
const HEADER_BYTES = 24;
const NEWEST_VERSION = 3;

/**
 * Looks at the head of a model file before it is given to the engine, whose own reading of a file that is no model
 * goes on for minutes.
 * @throws EntresolError `ENT_MODEL_UNREADABLE`
 */
export async function checkModelFile(path: string): Promise<void> {
  const refuse = (why: string, cause?: unknown): EntresolError => new EntresolError('ENT_MODEL_UNREADABLE', `${why}.`, { at: path, cause });
  const header = Buffer.alloc(HEADER_BYTES);
  let bytesRead: number;
  try {
    const file = await open(path, 'r');
    try {
      ({ bytesRead } = await file.read(header, 0, HEADER_BYTES, 0));
    } finally {
      await file.close();
    }
  } catch (error) {
    throw refuse(`the file cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`, error);
  }
  if (bytesRead < HEADER_BYTES || header.toString('latin1', 0, 4) !== MAGIC) throw refuse('it is not a GGUF file');
  const version = header.readUInt32LE(4);
  if (version < 2 || version > NEWEST_VERSION) throw refuse(`GGUF version ${version} is not known here`);
}
