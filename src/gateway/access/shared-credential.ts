/**
 * What an upstream keeps by itself (files, batches, stored responses) belongs to the credential that made it. Where
 * tenants share the upstream's own, one could list and read what is another's: such routes are for admin keys then.
 */
import { EntresolError, type Engine } from '../../core/index.ts';
import type { Caller } from './caller.ts';

/** Routes that keep nothing. All others are taken to. */
const STATELESS = /^\/v1\/(?:models(?:\/|$)|moderations$|audio\/(?:speech|transcriptions|translations)$|images\/(?:generations|edits|variations)$|rerank$|score$|classify$|pooling$|tokenize$|detokenize$|chat\/completions\/(?:batch|render)$|completions\/render$)/;

/**
 * @param headers without keys of this server
 * @throws EntresolError `ENT_SHARED_CREDENTIAL`
 */
export function checkSharedCredential(engine: Engine, caller: Caller, path: string, headers: readonly string[], severalTenants: boolean): void {
  const { ownCredential } = engine.capabilities;
  if (!severalTenants || caller.admin || ownCredential === undefined || STATELESS.test(path)) return;
  const brought = headers.some((name, index) => index % 2 === 0 && /^(?:authorization|x-api-key)$/i.test(name));
  if (ownCredential === 'fallback' && brought) return;
  throw new EntresolError('ENT_SHARED_CREDENTIAL', `${path} may show what other tenants have left at ${engine.replica}, for they share its credential.`, { at: path });
}
