/**
 * A policy is one call of `definePolicy`. `create` is called once per tenant and returns the four primitives that
 * the policy needs. It gets clock, randomness and learners as arguments, so that the same code runs live, in replay
 * and in the simulator.
 */
import type { Clock, Random } from './clock.ts';
import type { Event, EventType } from './events.ts';
import type { Forecast, LearnerSource, Query } from './forecast.ts';
import type { TenantId } from './ids.ts';
import { INTENT_KINDS, type Intent, type IntentKind, type Moment } from './intents.ts';
import type { Replica, RequestView, ToolCallView } from './request.ts';
import type { RetentionIndex } from './retention.ts';
import type { AdmissionVerdict, ToolCallVerdict } from './verdicts.ts';

export const DECISIONS = ['admission', 'order', 'placement', 'retention', 'tool-call'] as const;
export type Decision = (typeof DECISIONS)[number];

/** What is done for a request when the policy throws: performance policies fail open, safety and budgets closed. */
export type FailureMode = 'open' | 'closed';

/** `shadow`: decides and is logged, but does not act. */
export type PolicyMode = 'on' | 'shadow' | 'off';

/** How a policy's ranking combines with others': `rank` goes first (fairness), `affinity` breaks ties within a bounded lag. */
export type RankingRole = 'rank' | 'affinity';

/**
 * How its retention index combines with others': `base` gives ms of prefill saved per block-second (the first such policy
 * that is on holds), the values of a `factor` are dimensionless, in [0, 10], and multiply it.
 */
export type RetentionRole = 'base' | 'factor';

export interface ParameterSpec {
  readonly default: number | boolean | string;
  readonly description: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly choices?: readonly string[];
  /** A constant that the literature leaves free: values that `entresol league` tries on other traces than the one that it then reports. */
  readonly candidates?: readonly (number | boolean | string)[];
}
export type ParameterTable = Readonly<Record<string, ParameterSpec>>;
export type ParameterValues<P extends ParameterTable> = {
  readonly [Name in keyof P]: P[Name]['default'] extends number ? number : P[Name]['default'] extends boolean ? boolean : string;
};

export interface PolicyServices<P extends ParameterTable = ParameterTable> {
  readonly tenant: TenantId;
  readonly clock: Clock;
  readonly random: Random;
  readonly parameters: ParameterValues<P>;
  readonly learners: LearnerSource;
  /** The engine that is being steered, where it has a cache to retain in. */
  readonly cache?: CacheFacts;
}
export interface CacheFacts {
  readonly capacityBlocks: number;
  readonly blockTokens: number;
  /** What is evicted goes to a tier below by itself, and can be restored from there. */
  readonly keepsEvicted?: boolean;
}

export interface Scores {
  admission?(request: RequestView): AdmissionVerdict;
  toolCall?(call: ToolCallView): ToolCallVerdict;
  /** Writes a score per waiting request, higher goes first; sees the whole set, since fair share is a ranking. */
  order?(waiting: readonly RequestView[], scores: Float64Array): void;
  /** Writes a score per replica, higher is better; -Infinity rules one out. */
  placement?(request: RequestView, replicas: readonly Replica[], scores: Float64Array): void;
  retention?: RetentionIndex;
}

export interface PolicyInstance {
  observe?(event: Event): void;
  score?: Scores;
  predict?(query: Query): Forecast;
  act?(moment: Moment): readonly Intent[];
  snapshot?(): Uint8Array;
  restore?(bytes: Uint8Array): void;
}

export interface PolicyDefinition<P extends ParameterTable = ParameterTable> {
  readonly name: string;
  /** One line for `--help` and the policy table. */
  readonly summary: string;
  readonly parameters: P;
  readonly decisions: readonly Decision[];
  readonly intents: readonly IntentKind[];
  readonly failure: FailureMode;
  readonly role: RankingRole;
  readonly retentionRole: RetentionRole;
  /** The only events that `observe` is told; absent: all. Each one told costs time on every call. */
  readonly observes?: readonly EventType[];
  create(services: PolicyServices<P>): PolicyInstance;
}

export interface PolicyOptions<P extends ParameterTable> {
  readonly name: string;
  readonly summary: string;
  readonly parameters?: P;
  readonly decisions?: readonly Decision[];
  readonly intents?: readonly IntentKind[];
  readonly failure?: FailureMode;
  readonly role?: RankingRole;
  readonly retentionRole?: RetentionRole;
  readonly observes?: readonly EventType[];
  create(services: PolicyServices<P>): PolicyInstance;
}

/** The values of a table whose parameters nobody has set. */
export function defaultParameters<const P extends ParameterTable>(table: P): ParameterValues<P> {
  return Object.fromEntries(Object.entries(table).map(([name, spec]) => [name, spec.default])) as ParameterValues<P>;
}

const NAME = /^[a-z][a-z0-9-]{0,63}$/;

const OPTIONS: readonly string[] = ['name', 'summary', 'parameters', 'decisions', 'intents', 'failure', 'role', 'retentionRole', 'observes', 'create'] satisfies (keyof PolicyOptions<never>)[];

/** Policies may come as plain JavaScript, where a slip of the pen would go unseen. */
function checkWords(what: string, words: readonly string[], known: readonly string[]): void {
  const unknown = words.filter((word) => !known.includes(word));
  if (unknown.length > 0) throw new TypeError(`a policy has no ${what} ${unknown.map((word) => JSON.stringify(word)).join(', ')}; there are ${known.join(', ')}`);
}

/**
 * Checks what is declared and fills in the defaults.
 * @throws TypeError for a name that is none, and for options, decisions and intents that there are not
 */
export function definePolicy<const P extends ParameterTable = Record<never, never>>(options: PolicyOptions<P>): PolicyDefinition<P> {
  if (!NAME.test(options.name)) throw new TypeError(`policy name ${JSON.stringify(options.name)} must be lower-case words joined by hyphens`);
  checkWords('option', Object.keys(options), OPTIONS);
  checkWords('decision', options.decisions ?? [], DECISIONS);
  checkWords('intent', options.intents ?? [], INTENT_KINDS);
  return {
    name: options.name,
    summary: options.summary,
    parameters: options.parameters ?? ({} as P),
    decisions: options.decisions ?? [],
    intents: options.intents ?? [],
    failure: options.failure ?? 'open',
    role: options.role ?? 'affinity',
    retentionRole: options.retentionRole ?? 'base',
    ...(options.observes === undefined ? {} : { observes: options.observes }),
    create: options.create,
  };
}
