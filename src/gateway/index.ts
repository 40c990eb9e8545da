/** HTTP in and out: routes, pass-through, stream tap, access. */
export { hashingOf } from './hashing/hashing.ts';
export { Gateway, type GatewayOptions } from './gateway.ts';
export { HOSTED_TOOLS, type HostedTools } from './protocols/field-table.ts';
export { DEFAULT_GATEWAY_LIMITS, type GatewayLimits } from './limits.ts';
export { hashOfKey, isLoopbackName, KEY_HASH, KeyRing, newKey, type KeySetting } from './access/index.ts';
