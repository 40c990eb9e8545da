import type { Decision, IntentKind, PolicyMode } from '../core/index.ts';
import type { PolicyLedger } from './policy-ledger.ts';

/** One line of `GET /entresol/v1/policies`. */
export interface PolicyStatus {
  readonly name: string;
  readonly summary: string;
  readonly mode: PolicyMode;
  /** Why it has this mode, where the runtime set it. */
  readonly modeReason?: string;
  readonly failure: 'open' | 'closed';
  readonly decisions: readonly Decision[];
  readonly intents: readonly IntentKind[];
  readonly parameters: Readonly<Record<string, number | boolean | string>>;
  readonly calls: number;
  readonly faults: number;
  readonly lastFault?: string;
  readonly overruns: number;
  /** Time of one call, in µs. */
  readonly callUs: { readonly p50: number; readonly p99: number };
  /** Of all tenants. */
  readonly stateBytes: number;
}

export function statusOf(ledger: PolicyLedger, stateBytes: number): PolicyStatus {
  const { definition } = ledger;
  return {
    name: ledger.name,
    summary: definition.summary,
    mode: ledger.mode,
    ...(ledger.modeReason === undefined ? {} : { modeReason: ledger.modeReason }),
    failure: ledger.failure,
    decisions: definition.decisions,
    intents: definition.intents,
    parameters: ledger.parameters,
    calls: ledger.calls,
    faults: ledger.faults,
    ...(ledger.lastFault === undefined ? {} : { lastFault: ledger.lastFault }),
    overruns: ledger.overruns,
    callUs: { p50: ledger.timeUs.quantile(0.5), p99: ledger.timeUs.quantile(0.99) },
    stateBytes,
  };
}
