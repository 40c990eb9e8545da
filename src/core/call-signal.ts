/**
 * Tells that nobody waits for a call any more. The platform's `AbortSignal` is one; the gateway has a lighter one, for
 * every call needs it and few are ever given up.
 */
export interface CallSignal {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}
