/** Answers to `admission` and `tool-call`, and the rule that combines them: the strictest wins. */
import type { ErrorCode } from './errors.ts';
import type { ToolResult } from './request.ts';

export type AdmissionVerdict =
  | { readonly kind: 'allow' }
  /** Ask again at `untilMs`, or when anything ends. */
  | { readonly kind: 'hold'; readonly untilMs: number }
  | { readonly kind: 'reject'; readonly code: ErrorCode; readonly why: string; readonly retryAfterMs?: number };

export type ToolCallVerdict =
  | { readonly kind: 'allow' }
  /** The result is known; it still passes safety. */
  | { readonly kind: 'answer'; readonly result: ToolResult }
  /** A person must say yes first. */
  | { readonly kind: 'approve'; readonly why: string }
  | { readonly kind: 'deny'; readonly code: ErrorCode; readonly why: string };

export type Verdict = AdmissionVerdict | ToolCallVerdict;

const STRICTNESS: Readonly<Record<Verdict['kind'], number>> = { allow: 0, answer: 1, hold: 1, approve: 2, reject: 3, deny: 3 };

/** The strictest verdict; of two equally strict ones the first, except that the longer hold wins. */
export function strictest<V extends Verdict>(first: V, second: V): V {
  if (first.kind === 'hold' && second.kind === 'hold') return second.untilMs > first.untilMs ? second : first;
  return STRICTNESS[second.kind] > STRICTNESS[first.kind] ? second : first;
}
