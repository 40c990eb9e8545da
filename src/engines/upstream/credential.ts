/** Whose credential a call carries to its upstream. */
import type { Secret } from '../../core/index.ts';

export interface OwnCredential {
  readonly secret: Secret;
  /** `fallback`: for calls that bring none of their own; `always`: in place of whatever they bring. */
  readonly use: 'fallback' | 'always';
}

/** Where a kind of upstream looks for it. */
export type CredentialHeader = 'authorization' | 'x-api-key';

const NAMES = new Set<string>(['authorization', 'x-api-key']);

export interface Credentialed {
  readonly headers: readonly string[];
  readonly whose: 'client' | 'own' | 'none';
}

/** @param headers alternating names and values, without keys of this server */
export function withCredential(headers: readonly string[], own: OwnCredential | undefined, place: CredentialHeader): Credentialed {
  let brought = false;
  for (let index = 0; index < headers.length && !brought; index += 2) brought = NAMES.has(headers[index].toLowerCase());
  if (own === undefined || (brought && own.use === 'fallback')) return { headers, whose: brought ? 'client' : 'none' };
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) if (!NAMES.has(headers[index].toLowerCase())) kept.push(headers[index], headers[index + 1]);
  const value = own.secret.reveal();
  kept.push(place, place === 'authorization' ? `Bearer ${value}` : value);
  return { headers: kept, whose: 'own' };
}
