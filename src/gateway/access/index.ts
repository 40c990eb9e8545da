export { callerFrom, type Admitted, type Caller } from './caller.ts';
export { hashOfKey, KEY_HASH, KeyRing, newKey, type KeySetting } from './keys.ts';
export { checkAccess, checkBinding, isLoopbackName } from './loopback.ts';
