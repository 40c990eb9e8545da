/** Messages of the side channel are signed where there is a secret (integrations/vllm/PROTOCOL.md, "Who may connect"). */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../../core/index.ts';

export type Direction = 'to-package' | 'to-peer';
const DIRECTIONS: Readonly<Record<Direction, Buffer>> = { 'to-package': Buffer.from('>'), 'to-peer': Buffer.from('<') };
const NONE = Buffer.alloc(0);

/** Empty without a secret. */
export function sign(secret: Secret | undefined, direction: Direction, payload: Uint8Array): Buffer {
  return secret === undefined ? NONE : createHmac('sha256', secret.reveal()).update(DIRECTIONS[direction]).update(payload).digest();
}

export function isSigned(secret: Secret | undefined, direction: Direction, payload: Uint8Array, mac: Uint8Array): boolean {
  const wanted = sign(secret, direction, payload);
  return wanted.length === mac.length && timingSafeEqual(wanted, mac);
}
