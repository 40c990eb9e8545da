export * from './types.ts';
export { OWN_ROW, VENDOR_ROWS, type VendorRow } from './vendors.ts';
export { resolveIdentity } from './resolve.ts';
export { rememberRequest, rememberAnswer, type AnswerOutline } from './remember.ts';
export { IdentityState, DEFAULT_IDENTITY_LIMITS, type IdentityStateLimits } from './state.ts';
export type { Inference } from './infer.ts';
export type { OutlinedToolCall } from './outline.ts';
