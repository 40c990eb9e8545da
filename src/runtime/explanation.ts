import { waysToRaise, type Coordinate, type Evidence, type Identity, type ReplicaId, type RequestId, type RequestStatus, type TenantId } from '../core/index.ts';
import type { DecisionRecord, IntentRecord, PolicyAnswer, RequestRecord } from './request-record.ts';

/** All that is known of one request, as JSON. */
export interface Explanation {
  readonly request: RequestId;
  readonly tenant: TenantId;
  readonly model: string;
  readonly arrivedAtMs: number;
  readonly promptTokens: number;
  readonly warmup: boolean;
  /** `pending` until it ends. */
  readonly status: RequestStatus | 'pending';
  /** Who it was. A field without evidence was given by the caller as it is (`source: caller`). */
  readonly identity: {
    readonly workload: Evidence<string>;
    readonly session: Evidence<string>;
    readonly agent: Evidence<string>;
    readonly instance: Evidence<string>;
    readonly parent?: Evidence<string>;
    readonly step: number;
    readonly final: boolean;
    readonly conflicts: Identity['conflicts'];
    /** Sources whose value was not usable. */
    readonly dropped: readonly string[];
    /** What its prompt calls it. */
    readonly label?: string;
    /** The program or framework that called, the kind of call, the task within the session: where anything tells. */
    readonly client?: Evidence<string>;
    readonly kind?: Evidence<string>;
    readonly task?: Evidence<string>;
    /** Which header or setting would make it surer. */
    readonly raise: readonly string[];
  };
  readonly decisions: readonly DecisionRecord[];
  readonly engine: { readonly replica?: ReplicaId; readonly queueMs?: number; readonly prefillMs?: number; readonly notes: readonly string[] };
  readonly intents: readonly IntentRecord[];
  readonly end?: {
    readonly atMs: number;
    readonly promptTokens: number;
    readonly cachedTokens: number;
    readonly outputTokens: number;
    readonly ttftMs?: number;
    readonly stop?: string;
    readonly tools: readonly string[];
  };
  readonly time: {
    readonly budgetUs: number;
    readonly policyUs: Readonly<Record<string, number>>;
    /** The policy that used most of a budget that was exceeded. */
    readonly overrunBy?: string;
  };
  readonly faults: Readonly<Record<string, string>>;
  /** Decisions and intents beyond the bound of the log. */
  readonly dropped: number;
}

function field<T extends string>(value: T, found: Evidence<T> | undefined): Evidence<string> {
  return found ?? { value, source: 'caller', confidence: 1 };
}

function identityOf(by: Coordinate, identity: Identity | undefined): Explanation['identity'] {
  return {
    workload: field(by.workload, identity?.workload),
    session: field(by.session, identity?.session),
    agent: field(by.agent, identity?.agent),
    instance: field(by.instance, identity?.instance),
    ...(by.parent === undefined ? {} : { parent: field(by.parent, identity?.parent) }),
    step: by.step,
    final: identity?.final ?? false,
    conflicts: identity?.conflicts ?? [],
    dropped: identity?.dropped ?? [],
    ...(identity?.label === undefined ? {} : { label: identity.label }),
    ...(identity?.client === undefined ? {} : { client: identity.client }),
    ...(identity?.kind === undefined ? {} : { kind: identity.kind }),
    ...(identity?.task === undefined ? {} : { task: identity.task }),
    raise: identity === undefined ? [] : waysToRaise(identity),
  };
}

export function explanationOf(record: RequestRecord, budgetUs: number): Explanation {
  const { end } = record;
  return {
    request: record.request,
    tenant: record.by.tenant,
    model: record.model,
    arrivedAtMs: record.arrivedAtMs,
    promptTokens: record.promptTokens,
    warmup: record.warmup,
    status: end?.status ?? 'pending',
    identity: identityOf(record.by, record.identity),
    decisions: [...record.decisions],
    engine: {
      ...(record.replica === undefined ? {} : { replica: record.replica }),
      ...(record.queueMs === undefined ? {} : { queueMs: record.queueMs }),
      ...(record.prefillMs === undefined ? {} : { prefillMs: record.prefillMs }),
      notes: [...record.engineNotes],
    },
    intents: record.intents.map((intent) => ({ ...intent })),
    ...(end === undefined ? {} : {
      end: {
        atMs: end.atMs, promptTokens: end.promptTokens, cachedTokens: end.cachedTokens, outputTokens: end.outputTokens, tools: end.tools,
        ...(end.ttftMs === undefined ? {} : { ttftMs: end.ttftMs }), ...(end.stop === undefined ? {} : { stop: end.stop }),
      },
    }),
    time: { budgetUs, policyUs: Object.fromEntries(record.policyUs), ...(record.overrunBy === undefined ? {} : { overrunBy: record.overrunBy }) },
    faults: Object.fromEntries(record.faults),
    dropped: record.dropped,
  };
}

function scoreText(value: number | null): string {
  return value === null ? 'ruled out' : String(Number(value.toPrecision(4)));
}

function answerText(answer: PolicyAnswer): string {
  if ('fault' in answer) return `threw: ${answer.fault}`;
  if ('verdict' in answer) {
    const { verdict } = answer;
    if (verdict.kind === 'hold') return `hold until ${Math.round(verdict.untilMs)} ms`;
    if (verdict.kind === 'reject' || verdict.kind === 'deny') return `${verdict.kind} ${verdict.code} (${verdict.why})`;
    return verdict.kind === 'approve' ? `approve (${verdict.why})` : verdict.kind;
  }
  if ('value' in answer) return `${answer.value.toPrecision(4)} ms per block-second`;
  if ('score' in answer) return scoreText(answer.score);
  return Object.entries(answer.scores).map(([replica, value]) => `${replica} ${scoreText(value)}`).join(', ');
}

function intentText(record: IntentRecord): string {
  const { intent, outcome } = record;
  const subject = 'tool' in intent ? intent.tool : 'request' in intent ? intent.request
    : intent.target.kind === 'lineage' ? `${intent.target.session}/${intent.target.agent}` : `${intent.target.units.length} units`;
  const became = outcome === undefined ? 'in work' : outcome.status === 'shadow' ? 'not done: in shadow' : 'why' in outcome ? `${outcome.status} (${outcome.why})` : outcome.status;
  return `${record.policy}: ${intent.kind} ${subject} → ${became}`;
}

function evidence(name: string, found: Evidence<string>): string {
  return `${name} ${found.value} (${found.source}, ${found.confidence.toFixed(2)})`;
}

/** The same for a person, a line per fact. */
export function renderExplanation(explanation: Explanation): string {
  const { identity, engine, end, time } = explanation;
  const lines: string[] = [];
  const line = (label: string, text: string): void => { lines.push(`${label.padEnd(10)} ${text}`); };

  line('request', `${explanation.request} of tenant ${explanation.tenant}, model ${explanation.model}${explanation.warmup ? ', a warm-up' : ''}: ${explanation.status}${end === undefined ? '' : ` after ${Math.round(end.atMs - explanation.arrivedAtMs)} ms`}`);
  line('who', `${evidence('agent', identity.agent)}, step ${identity.step}${identity.final ? ', the last' : ''}`);
  line('', [evidence('session', identity.session), evidence('workload', identity.workload)].join(', '));
  line('', [evidence('instance', identity.instance), ...(identity.parent === undefined ? [] : [evidence('parent', identity.parent)])].join(', '));
  for (const conflict of identity.conflicts) line('', `against: ${conflict.field} ${conflict.value} (${conflict.source}, ${conflict.confidence.toFixed(2)})`);
  const asides = [identity.client === undefined ? '' : evidence('client', identity.client), identity.kind === undefined ? '' : evidence('kind', identity.kind), identity.task === undefined ? '' : evidence('task', identity.task)].filter((aside) => aside !== '');
  if (asides.length > 0) line('', asides.join(', '));
  for (const way of identity.raise) line('', `surer: ${way}`);
  if (identity.dropped.length > 0) line('', `not usable: ${identity.dropped.join(', ')}`);
  for (const decision of explanation.decisions) {
    line(decision.decision, `${decision.result}${decision.asked > 1 ? `, asked ${decision.asked} times` : ''}`);
    for (const part of decision.policies) line('', `${part.policy}${part.mode === 'shadow' ? ' (shadow)' : ''}: ${answerText(part.answer)}, ${part.us.toFixed(0)} µs`);
  }
  if (engine.replica !== undefined || engine.notes.length > 0) {
    const times = [...(engine.queueMs === undefined ? [] : [`queued ${engine.queueMs.toFixed(1)} ms`]), ...(engine.prefillMs === undefined ? [] : [`prefill ${engine.prefillMs.toFixed(1)} ms`])];
    line('engine', [engine.replica ?? 'unknown', ...times].join(', '));
    for (const note of engine.notes) line('', note);
  }
  if (end !== undefined) {
    line('tokens', `${end.promptTokens} prompt, ${end.cachedTokens} of them cached, ${end.outputTokens} output${end.ttftMs === undefined ? '' : `; first after ${end.ttftMs.toFixed(1)} ms`}${end.stop === undefined ? '' : `; ended by ${end.stop}`}`);
    if (end.tools.length > 0) line('tools', end.tools.join(', '));
  }
  explanation.intents.forEach((intent, index) => line(index === 0 ? 'intents' : '', intentText(intent)));
  const spent = Object.entries(time.policyUs).map(([policy, us]) => `${policy} ${us.toFixed(0)} µs`);
  line('time', `${spent.length === 0 ? 'no policy was asked' : spent.join(', ')} of ${time.budgetUs} µs${time.overrunBy === undefined ? '' : `; exceeded, most of it by ${time.overrunBy}`}`);
  for (const [policy, fault] of Object.entries(explanation.faults)) line('fault', `${policy}: ${fault}`);
  if (explanation.dropped > 0) line('', `${explanation.dropped} more decisions and intents were not kept`);
  return `${lines.map((text) => text.trimEnd()).join('\n')}\n`;
}
