export { callerFrom, type Admitted, type Caller } from './caller.ts';
export { hashOfKey, KEY_HASH, KeyRing, newKey, type KeySetting } from './keys.ts';
export { checkSharedCredential } from './shared-credential.ts';
export { checkAccess, checkBinding, isLoopbackName } from './loopback.ts';
