import {
  combineSets, strictest,
  type AdmissionVerdict, type Decision, type OrderRule, type Replica, type RequestView, type ScoredSet, type Scores, type ToolCallVerdict, type ToolCallView, type Verdict,
} from '../core/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import type { Guard } from './guard.ts';
import type { HostedPolicy } from './hosted-policy.ts';
import type { PolicyPart, RequestRecord } from './request-record.ts';
import { wellFormedVerdict } from './well-formed.ts';

const NOBODY: readonly HostedPolicy[] = [];
const ALLOW = { kind: 'allow' } as const;
const finiteOrNull = (score: number): number | null => (Number.isFinite(score) ? score : null);

/** Asks the policies of one tenant and combines their answers by the rules of the core. */
export class Decisions {
  readonly #guard: Guard;
  readonly #metrics: Metrics;
  readonly #orderRule: OrderRule;
  readonly #decisionsPerRequest: number;

  constructor(options: { readonly guard: Guard; readonly metrics: Metrics; readonly orderRule: OrderRule; readonly decisionsPerRequest: number }) {
    this.#guard = options.guard;
    this.#metrics = options.metrics;
    this.#orderRule = options.orderRule;
    this.#decisionsPerRequest = options.decisionsPerRequest;
  }

  /** Policies that declare the decision and are not off. */
  #asked(policies: readonly HostedPolicy[], decision: Decision): readonly HostedPolicy[] {
    let asked: HostedPolicy[] | undefined;
    for (const policy of policies) {
      if (policy.ledger.mode !== 'off' && policy.ledger.definition.decisions.includes(decision)) (asked ??= []).push(policy);
    }
    return asked ?? NOBODY;
  }

  /** The strictest verdict. One policy's throw skips it, or says no where it fails closed. */
  #strictest<V extends Verdict>(
    decision: 'admission' | 'tool-call', policies: readonly HostedPolicy[], record: RequestRecord | undefined, nowMs: number,
    ask: (scores: Scores) => V | undefined, closed: (policy: string) => V, again = false,
  ): V | undefined {
    const asked = this.#asked(policies, decision);
    if (asked.length === 0) return undefined;
    const parts: PolicyPart[] = [];
    let combined: V | undefined;
    for (const policy of asked) {
      const { ledger } = policy;
      const instance = policy.instance();
      let fault = record?.faults.get(ledger.name) ?? (policy.failed ? (ledger.lastFault ?? 'create failed') : undefined);
      let verdict: V | undefined;
      let us = 0;
      if (fault === undefined && instance?.score !== undefined) {
        const { score } = instance;
        const answered = this.#guard.call(ledger, again ? undefined : record, decision, () => wellFormedVerdict(decision, ask(score)));
        us = answered.us;
        if (answered.ok) verdict = answered.value;
        else {
          fault = answered.fault;
          record?.fault(ledger.name, `${decision}: ${fault}`);
        }
      }
      if (fault !== undefined && ledger.failure === 'closed') verdict = closed(ledger.name);
      if (fault === undefined && verdict === undefined) continue;
      parts.push({ policy: ledger.name, mode: ledger.mode, answer: fault !== undefined ? { fault } : { verdict: withoutResult(verdict ?? ALLOW) }, us });
      if (ledger.mode === 'on' && verdict !== undefined) combined = combined === undefined ? verdict : strictest(combined, verdict);
    }
    const result = combined?.kind ?? 'allow';
    record?.decide({ decision, atMs: nowMs, policies: parts, result }, this.#decisionsPerRequest);
    this.#metrics.decided(decision, result);
    return combined;
  }

  /** @param again the request is held and asked again: that time counts against no request's budget, for holds may be long */
  admission(policies: readonly HostedPolicy[], request: RequestView, record: RequestRecord | undefined, nowMs: number, again = false): AdmissionVerdict {
    return this.#strictest<AdmissionVerdict>('admission', policies, record, nowMs, (score) => score.admission?.(request),
      (policy) => ({ kind: 'reject', code: 'ENT_POLICY_FAILED_CLOSED', why: `the policy ${policy} failed, and it fails closed` }), again) ?? ALLOW;
  }

  toolCall(policies: readonly HostedPolicy[], call: ToolCallView, record: RequestRecord | undefined, nowMs: number): ToolCallVerdict {
    return this.#strictest<ToolCallVerdict>('tool-call', policies, record, nowMs, (score) => score.toolCall?.(call),
      (policy) => ({ kind: 'deny', code: 'ENT_POLICY_FAILED_CLOSED', why: `the policy ${policy} failed, and it fails closed` })) ?? ALLOW;
  }

  /** One set of scores per policy; those of policies that are on are to be combined. */
  #scored(
    decision: 'order' | 'placement', policies: readonly HostedPolicy[], size: number, recordOf: RequestRecord | undefined,
    ask: (score: Scores, scores: Float64Array) => boolean,
  ): { sets: ScoredSet[]; parts: (PolicyPart & { readonly scores?: Float64Array })[] } {
    const sets: ScoredSet[] = [];
    const parts: (PolicyPart & { readonly scores?: Float64Array })[] = [];
    for (const policy of this.#asked(policies, decision)) {
      const { ledger } = policy;
      const score = policy.instance()?.score;
      if (score === undefined || recordOf?.faults.has(ledger.name) === true) continue;
      const scores = new Float64Array(size);
      const answered = this.#guard.call(ledger, recordOf, decision, () => ask(score, scores));
      if (answered.ok && !answered.value) continue;
      const invalid = answered.ok && scores.some((value) => Number.isNaN(value) || value === Infinity);
      if (invalid) this.#guard.fault(ledger, recordOf, decision, new TypeError('a score is not a number or infinite'));
      if (!answered.ok || invalid) {
        parts.push({ policy: ledger.name, mode: ledger.mode, answer: { fault: answered.ok ? 'a score is not a number or infinite' : answered.fault }, us: answered.us });
        continue;
      }
      parts.push({ policy: ledger.name, mode: ledger.mode, answer: { score: null }, us: answered.us, scores });
      if (ledger.mode === 'on') sets.push({ role: ledger.definition.role, scores });
    }
    return { sets, parts };
  }

  /** Indices, best first; undefined if no policy that is on orders. Nobody is left out: to be ruled out of an order means last. */
  order(policies: readonly HostedPolicy[], waiting: readonly RequestView[], recordOf: (request: RequestView) => RequestRecord | undefined, nowMs: number): number[] | undefined {
    const { sets, parts } = this.#scored('order', policies, waiting.length, undefined, (score, scores) => {
      if (score.order === undefined) return false;
      score.order(waiting, scores);
      for (let index = 0; index < scores.length; index++) if (scores[index] === -Infinity) scores[index] = -Number.MAX_VALUE;
      return true;
    });
    if (parts.length === 0) return undefined;
    const waitedMs = Float64Array.from(waiting, (request) => nowMs - request.arrivedAtMs);
    const order = sets.length === 0 ? undefined : combineSets(waiting.length, sets, this.#orderRule, waitedMs);
    const indices = order ?? waiting.map((_, index) => index);
    indices.forEach((member, place) => {
      const own = parts.map(({ scores, ...part }) => (scores === undefined ? part : { ...part, answer: { score: finiteOrNull(scores[member]) } }));
      const result = order === undefined ? `no policy on: place ${place + 1} as it came` : `place ${place + 1} of ${waiting.length}`;
      recordOf(waiting[member])?.decide({ decision: 'order', atMs: nowMs, policies: own, result }, this.#decisionsPerRequest);
    });
    this.#metrics.decided('order', order === undefined ? 'unordered' : 'ordered');
    return order;
  }

  /** Indices of healthy replicas, best first; undefined if no policy that is on places. */
  placement(policies: readonly HostedPolicy[], request: RequestView, replicas: readonly Replica[], record: RequestRecord | undefined, nowMs: number): number[] | undefined {
    if (this.#asked(policies, 'placement').length === 0) return undefined;
    const { sets, parts } = this.#scored('placement', policies, replicas.length, record, (score, scores) => {
      if (score.placement === undefined) return false;
      score.placement(request, replicas, scores);
      return true;
    });
    if (parts.length === 0) return undefined;
    const healthy = sets.map((set) => ({ role: set.role, scores: set.scores.map((score, index) => (replicas[index].healthy ? score : -Infinity)) }));
    const ranking = sets.length === 0 ? undefined : combineSets(replicas.length, healthy, this.#orderRule);
    const own = parts.map(({ scores, ...part }) => (scores === undefined ? part
      : { ...part, answer: { scores: Object.fromEntries(replicas.map((replica, index) => [replica.id, finiteOrNull(scores[index])])) } }));
    const result = ranking === undefined ? 'unplaced' : ranking.length === 0 ? 'none fits' : replicas[ranking[0]].id;
    record?.decide({ decision: 'placement', atMs: nowMs, policies: own, result }, this.#decisionsPerRequest);
    this.#metrics.decided('placement', ranking === undefined ? 'unplaced' : ranking.length === 0 ? 'none' : 'placed');
    return ranking;
  }
}

/** The content of a tool's result is the tenant's text: it is not kept in the log. */
function withoutResult(verdict: Verdict): Exclude<Verdict, { kind: 'answer' }> | { readonly kind: 'answer' } {
  return verdict.kind === 'answer' ? { kind: 'answer' } : verdict;
}
