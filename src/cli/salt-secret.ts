import { randomBytes } from 'node:crypto';
import { EntresolError } from '../core/index.ts';
import type { Store } from '../store/index.ts';
import type { LogSink } from '../telemetry/index.ts';

const KEY = JSON.stringify(['salt-secret']);
const BYTES = 32;

/** The secret that salts are made with. The state directory keeps it: with a new one every engine's cache would be cold after a restart. */
export async function saltSecretOf(state: Store | undefined, log: LogSink): Promise<Buffer> {
  const fresh = randomBytes(BYTES);
  if (state === undefined) return fresh;
  try {
    const kept = await state.get(KEY);
    const secret = kept?.byteLength === BYTES ? Buffer.from(kept) : fresh;
    // Written each time: what was written longest ago makes room first.
    await state.set(KEY, secret);
    return secret;
  } catch (error) {
    log('warn', 'the secret for cache salts cannot be kept: engines\' caches of tenants start afresh with this server', { error: error instanceof EntresolError ? error.describe() : String(error) });
    return fresh;
  }
}
