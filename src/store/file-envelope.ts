/**
 * What one file of the file store holds: magic, version, length of a JSON head, SHA-256 of all that follows it, the
 * head (key, expiry), the value. A file that was cut short, altered, or written by a newer release is told apart.
 */
import { createHash } from 'node:crypto';
import { EntresolError } from '../core/index.ts';

const MAGIC = Buffer.from('ENTS');
const VERSION = 1;
const HEAD_AT = 4 + 2 + 4 + 32;

export interface Envelope {
  readonly key: string;
  /** Absent: it does not expire. */
  readonly expiresAtMs?: number;
  readonly value: Uint8Array;
}

export function seal(envelope: Envelope): Buffer {
  const head = Buffer.from(JSON.stringify({ key: envelope.key, expiresAtMs: envelope.expiresAtMs }), 'utf8');
  const fixed = Buffer.alloc(HEAD_AT);
  MAGIC.copy(fixed, 0);
  fixed.writeUInt16LE(VERSION, 4);
  fixed.writeUInt32LE(head.length, 6);
  createHash('sha256').update(head).update(envelope.value).digest().copy(fixed, 10);
  return Buffer.concat([fixed, head, envelope.value]);
}

/** @throws EntresolError `ENT_SNAPSHOT_INVALID` */
export function unseal(bytes: Buffer, at: string): Envelope {
  const invalid = (what: string): EntresolError => new EntresolError('ENT_SNAPSHOT_INVALID', what, { at });
  if (bytes.length < HEAD_AT || !bytes.subarray(0, 4).equals(MAGIC)) throw invalid('this is no state file, or it was cut short.');
  const version = bytes.readUInt16LE(4);
  if (version > VERSION) throw invalid(`the state file has version ${version}; this release reads up to ${VERSION}.`);
  const headLength = bytes.readUInt32LE(6);
  if (HEAD_AT + headLength > bytes.length) throw invalid('the state file was cut short.');
  const rest = bytes.subarray(HEAD_AT);
  if (!createHash('sha256').update(rest).digest().equals(bytes.subarray(10, HEAD_AT))) throw invalid('the state file is corrupt: its checksum does not match.');
  const head = JSON.parse(rest.subarray(0, headLength).toString('utf8')) as { key: string; expiresAtMs?: number };
  return { ...head, value: new Uint8Array(rest.subarray(headLength)) };
}
