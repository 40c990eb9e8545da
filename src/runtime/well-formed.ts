/** Policies may come as plain JavaScript: what they answer is looked at before anyone relies on its type. */
import { ERRORS, INTENT_KINDS, type Intent, type Verdict } from '../core/index.ts';

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

function hasSubject(intent: Readonly<Record<string, unknown>>): boolean {
  switch (intent.kind) {
    case 'hedge': case 'cancel': return typeof intent.request === 'string';
    case 'speculate': case 'memoise': return isObject(intent.toolCall) && isObject(intent.toolCall.by);
    default: return isObject(intent.target) && (intent.target.kind === 'lineage' || (intent.target.kind === 'units' && Array.isArray(intent.target.units)));
  }
}

/** @throws TypeError */
export function wellFormedIntent(intent: unknown): Intent {
  if (!isObject(intent) || !INTENT_KINDS.some((kind) => kind === intent.kind)) throw new TypeError(`an intent must have one of the kinds ${INTENT_KINDS.join(', ')}`);
  if (!hasSubject(intent)) throw new TypeError(`the intent ${String(intent.kind)} does not say what it is about`);
  return intent as unknown as Intent;
}

const VERDICTS = { admission: ['allow', 'hold', 'reject'], 'tool-call': ['allow', 'answer', 'approve', 'deny'] } as const;

/** @returns undefined where the policy has no opinion @throws TypeError, for a promise too: policies answer at once */
export function wellFormedVerdict<V extends Verdict>(decision: keyof typeof VERDICTS, verdict: V | undefined): V | undefined {
  if (verdict === undefined) return undefined;
  const answer: unknown = verdict;
  if (!isObject(answer) || !VERDICTS[decision].some((kind) => kind === answer.kind)) throw new TypeError(`the answer must have one of the kinds ${VERDICTS[decision].join(', ')}, and come at once`);
  if (answer.kind === 'hold' && (typeof answer.untilMs !== 'number' || Number.isNaN(answer.untilMs))) throw new TypeError('hold must say until when, in untilMs');
  if ((answer.kind === 'reject' || answer.kind === 'deny') && (typeof answer.code !== 'string' || !Object.hasOwn(ERRORS, answer.code))) throw new TypeError(`${answer.kind} must have an error code that is declared`);
  return verdict;
}
