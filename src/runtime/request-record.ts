import type { AdmissionVerdict, Coordinate, Decision, Identity, Intent, Outcome, PolicyMode, ReplicaId, RequestEnd, RequestId, ToolCallVerdict } from '../core/index.ts';

/** What one policy said in one decision. A score of -Infinity (ruled out) is null, for JSON has no infinity. */
export type PolicyAnswer =
  | { readonly verdict: AdmissionVerdict | Exclude<ToolCallVerdict, { kind: 'answer' }> | { readonly kind: 'answer' } }
  | { readonly score: number | null }
  | { readonly scores: Readonly<Record<string, number | null>> }
  | { readonly value: number }
  | { readonly fault: string };

export interface PolicyPart {
  readonly policy: string;
  readonly mode: PolicyMode;
  readonly answer: PolicyAnswer;
  /** Time that it took, in µs. */
  readonly us: number;
}

export interface DecisionRecord {
  readonly decision: Decision;
  /** When it was last made. */
  readonly atMs: number;
  /** How often it was asked with this result. */
  readonly asked: number;
  readonly policies: readonly PolicyPart[];
  /** The combined result, in a word or a few: `allow`, `hold`, `place 2 of 5`. */
  readonly result: string;
}

export interface IntentRecord {
  readonly atMs: number;
  readonly policy: string;
  readonly mode: PolicyMode;
  readonly intent: IntentSummary;
  /** Absent: in work. `shadow`: not performed, for the policy is in shadow. */
  outcome?: Outcome | { readonly status: 'shadow' };
  replica?: ReplicaId;
}

/** An intent without what it carries: arguments and results of tools are the tenant's text, and are not kept. */
export type IntentSummary =
  | Exclude<Intent, { kind: 'speculate' | 'memoise' }>
  | { readonly kind: 'speculate' | 'memoise'; readonly tool: string; readonly argumentsHash: string };

export function summarise(intent: Intent): IntentSummary {
  if (intent.kind !== 'speculate' && intent.kind !== 'memoise') return intent;
  return { kind: intent.kind, tool: intent.toolCall.name, argumentsHash: intent.toolCall.argumentsHash };
}

const NOTHING_NOTED: readonly string[] = [];
const NO_FAULTS: ReadonlyMap<string, string> = new Map();

/** All that is kept of one request. Bounded. */
export class RequestRecord {
  identity?: Identity;
  replica?: ReplicaId;
  end?: RequestEnd;
  readonly decisions: DecisionRecord[] = [];
  readonly intents: IntentRecord[] = [];
  engineNotes: readonly string[] = NOTHING_NOTED;
  queueMs?: number;
  prefillMs?: number;
  /** µs by policy. */
  readonly policyUs = new Map<string, number>();
  /** Policies that threw for this request, with what they said. */
  faults: ReadonlyMap<string, string> = NO_FAULTS;
  overrunBy?: string;
  /** By what the decision log finds the latest request of its instance. */
  instanceKey = '';
  dropped = 0;

  constructor(
    readonly request: RequestId,
    readonly by: Coordinate,
    readonly model: string,
    readonly arrivedAtMs: number,
    readonly promptTokens: number,
    readonly warmup: boolean,
  ) {}

  fault(policy: string, what: string): void {
    this.faults = new Map([...this.faults, [policy, what]]);
  }

  spend(policy: string, us: number): void {
    this.policyUs.set(policy, (this.policyUs.get(policy) ?? 0) + us);
  }

  /** Adds a decision, or replaces the last one of its kind if the result is the same (a held request is asked often). */
  decide(record: Omit<DecisionRecord, 'asked'>, limit: number): void {
    for (let index = this.decisions.length - 1; index >= 0; index--) {
      const earlier = this.decisions[index];
      if (earlier.decision !== record.decision) continue;
      if (record.decision !== 'order' && earlier.result !== record.result) break;
      this.decisions[index] = { ...record, asked: earlier.asked + 1 };
      return;
    }
    if (this.decisions.length >= limit) this.dropped += 1;
    else this.decisions.push({ ...record, asked: 1 });
  }

  intend(record: IntentRecord, limit: number): void {
    if (this.intents.length >= limit) this.dropped += 1;
    else this.intents.push(record);
  }

  note(notes: readonly string[]): void {
    this.engineNotes = this.engineNotes.concat(notes.slice(0, 32 - this.engineNotes.length).map((note) => note.slice(0, 500)));
  }
}
