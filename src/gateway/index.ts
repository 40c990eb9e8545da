/** HTTP in and out: routes, pass-through, stream tap, access. */
export { Gateway, type GatewayOptions } from './gateway.ts';
export { DEFAULT_GATEWAY_LIMITS, type GatewayLimits } from './limits.ts';
export { isLoopbackName } from './access.ts';
