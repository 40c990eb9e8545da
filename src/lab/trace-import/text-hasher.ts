/**
 * Text in, keyed hashes out. Without the key nobody can try which text a hash stands for; by default it is random and
 * thrown away with the import, so that hashes of two imports cannot be compared either.
 */
import { createHash } from 'node:crypto';
import type { HashedRun } from './imported-call.ts';

/** Cut at the first line's end past this length, so that prompts that begin alike share their runs. */
const PIECE_CHARACTERS = 64;
const LONGEST_PIECE_CHARACTERS = 256;
/** 72 bits. */
const HASH_CHARACTERS = 12;
/** What vision models charge for a picture, about: its bytes say nothing. */
const IMAGE_TOKENS = 1000;

/** Names that are kept as they are: identifiers of roles and tools. Whatever else stands there is hashed. */
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_.:/-]{0,63}$/;

export class TextHasher {
  readonly #key: Uint8Array;
  readonly #hashNames: boolean;

  /** @param hashNames names of agents and tools too */
  constructor(key: Uint8Array, hashNames = false) {
    this.#key = key;
    this.#hashNames = hashNames;
  }

  hash(kind: string, text: string): string {
    return createHash('sha256').update(this.#key).update(kind).update('\0').update(text).digest('base64url').slice(0, HASH_CHARACTERS);
  }

  /** An id that tells nothing but whether two are equal. */
  id(kind: string, text: string): string { return `${kind}-${this.hash(kind, text)}`; }

  /** A name of an agent or a tool: kept if it looks like an identifier, else hashed. */
  name(kind: string, text: string): string {
    return !this.#hashNames && IDENTIFIER.test(text) ? text : this.id(kind, text);
  }

  /** The runs of a text. Where a run ends depends only on what is before it. */
  runs(role: string, text: string): HashedRun[] {
    const runs: HashedRun[] = [];
    for (let from = 0; from < text.length;) {
      const lineEnd = text.indexOf('\n', from + PIECE_CHARACTERS);
      const to = Math.min(lineEnd === -1 ? text.length : lineEnd + 1, from + LONGEST_PIECE_CHARACTERS, text.length);
      const piece = text.slice(from, to);
      runs.push({ hash: this.hash(role, piece), bytes: Buffer.byteLength(piece) });
      from = to;
    }
    return runs;
  }

  image(role: string, data: string): HashedRun {
    return { hash: this.hash(`${role} image`, data), tokens: IMAGE_TOKENS };
  }
}
