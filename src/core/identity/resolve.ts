/** The one function that says who is calling: headers of ours, vendors' rows, the body, tracing, then inference. */
import { agentId, DEFAULT_WORKLOAD, instanceId, sessionId, workloadId, type AgentId, type InstanceId, type SessionId } from '../ids.ts';
import { clientOf } from './clients.ts';
import { infer, inferredInstance, type Inference } from './infer.ts';
import { cleanId, isYes, readPlace } from './readers.ts';
import type { Evidence } from './evidence.ts';
import type { Conflict, Identity, IdentityInput } from './types.ts';
import { RowIndex } from './row-index.ts';
import { OWN_ROW, VENDOR_ROWS, type VendorRow } from './vendors.ts';

type FieldName = 'session' | 'agent' | 'instance' | 'parent' | 'kind' | 'task';
const FIELDS: readonly FieldName[] = ['session', 'agent', 'instance', 'parent', 'kind', 'task'];
/** An id that a harness makes anew for every call says less than the conversation. */
const PER_CALL_CONFIDENCE = 0.2;

interface RowAnswer {
  readonly row: VendorRow;
  /** The row's, unless use has shown that its ids are no sessions. */
  readonly confidence: number;
  readonly fields: Partial<Record<FieldName, { readonly text: string; readonly source: string }>>;
  readonly final: boolean;
}

function firstClean(input: IdentityInput, places: readonly string[], dropped: Set<string>): { text: string; source: string } | undefined {
  for (const source of places) {
    const raw = readPlace(input, source);
    if (raw === undefined || raw === '') continue;
    const text = cleanId(raw);
    if (text !== undefined) return { text, source: source === 'any-session-header:' ? 'header:x-…-session-id' : source };
    dropped.add(source);
  }
  return undefined;
}

function readRow(input: IdentityInput, row: VendorRow, dropped: Set<string>): RowAnswer | undefined {
  if (row !== OWN_ROW && !(row.when ?? row.session ?? []).some((place) => readPlace(input, place) !== undefined)) return undefined;
  const fields: RowAnswer['fields'] = {};
  for (const name of FIELDS) {
    const found = firstClean(input, row[name] ?? [], dropped);
    if (found !== undefined) fields[name] = found;
  }
  const final = (row.final ?? []).some((place) => isYes(readPlace(input, place)));
  const perCall = fields.session !== undefined && row !== OWN_ROW && input.state.sources.sessionPerCall(fields.session.source);
  const confidence = perCall ? Math.min(PER_CALL_CONFIDENCE, row.confidence) : row.confidence;
  return Object.keys(fields).length === 0 && !final ? undefined : { row, confidence, fields, final };
}

const ROWS = new RowIndex(VENDOR_ROWS);

/** The rows that hold, the surest first; rows that are equally sure in the table's order. */
function answeringRows(input: IdentityInput, dropped: Set<string>): RowAnswer[] {
  const answers = ROWS.mayHold(input).map((row) => readRow(input, row, dropped)).filter((answer) => answer !== undefined);
  return answers.sort((a, b) => b.confidence - a.confidence);
}

/**
 * Who speaks: our own headers field by field, then the surest row whole. Rows that name the same session, or none,
 * complete it (one client may speak two dialects); rows that name another are conflicts, for mixing them invents agents.
 */
class Gathering {
  readonly conflicts: Conflict[] = [];
  private readonly found = new Map<FieldName, Evidence<string>>();

  offer(name: FieldName, evidence: Evidence<string>): void {
    const known = this.found.get(name);
    if (known === undefined) this.found.set(name, evidence);
    else if (known.value !== evidence.value) this.conflicts.push({ field: name, ...evidence });
  }

  take(answer: RowAnswer, names: readonly FieldName[]): void {
    for (const name of names) {
      const field = answer.fields[name];
      if (field !== undefined) this.offer(name, { value: field.text, source: field.source, confidence: answer.confidence });
    }
  }

  get<Value extends string>(name: FieldName, brand: (text: string) => Value): Evidence<Value> | undefined {
    const evidence = this.found.get(name);
    return evidence === undefined ? undefined : { ...evidence, value: brand(evidence.value) };
  }
}

/**
 * Pure: the same input gives the same answer. Call `rememberRequest` with the result once the call goes on, and
 * `rememberAnswer` when it has been answered, so that later calls can be joined to it.
 */
export function resolveIdentity(input: IdentityInput): { readonly identity: Identity; readonly inference: Inference } {
  const dropped = new Set<string>();
  const own = readRow(input, OWN_ROW, dropped);
  const rows = answeringRows(input, dropped);
  const gathered = new Gathering();
  if (own !== undefined) gathered.take(own, FIELDS);

  const claimed = gathered.get('session', sessionId);
  const winner = claimed === undefined ? rows.find((answer) => answer.fields.session !== undefined) : undefined;
  const named = claimed?.value ?? winner?.fields.session?.text;
  const inference = infer(input, named === undefined ? undefined : sessionId(named));

  const best = inference.sessions[0];
  const outranked = claimed === undefined && best.confidence > (winner?.confidence ?? 0);
  if (outranked) gathered.offer('session', best);
  if (winner !== undefined && !outranked) gathered.take(winner, FIELDS);
  const session = gathered.get('session', sessionId) ?? best;
  for (const answer of rows) {
    if (answer === winner && !outranked) continue;
    const other = answer.fields.session;
    gathered.take(answer, other === undefined || other.text === session.value ? FIELDS : ['session']);
  }
  for (const evidence of inference.sessions) if (evidence.confidence >= best.confidence || evidence.source === 'lineage') gathered.offer('session', evidence);

  const claimedAgent = gathered.get('agent', agentId);
  // A name that is new with every spawn names no role: the prompt does.
  const pooled = claimedAgent !== undefined && claimedAgent.confidence < 1 && input.state.sources.agentPerSpawn(claimedAgent.source);
  const agent: Evidence<AgentId> = claimedAgent === undefined || pooled ? inference.agent : claimedAgent;
  if (pooled) gathered.conflicts.push({ field: 'agent', ...claimedAgent, confidence: PER_CALL_CONFIDENCE });
  const instance: Evidence<InstanceId> = gathered.get('instance', instanceId) ?? unnamedInstance(input, session.value, agent, inference);
  const inferredParent = inference.parent?.value === instance.value ? undefined : inference.parent;
  const parent = gathered.get('parent', instanceId) ?? input.state.session(session.value)?.instance(instance.value)?.parent ?? inferredParent;
  const kind = gathered.get('kind', String);
  const task = gathered.get('task', String);
  const client = clientOf(input, input.state.session(session.value)?.client);
  const workload = firstClean(input, ['header:x-entresol-workload'], dropped);
  const finals = [own, outranked ? undefined : winner];
  const identity: Identity = {
    workload: workload === undefined
      ? { value: DEFAULT_WORKLOAD, source: 'default', confidence: 0.5 }
      : { value: workloadId(workload.text), source: workload.source, confidence: 1 },
    session,
    agent,
    instance,
    ...(parent === undefined ? {} : { parent }),
    ...(kind === undefined ? {} : { kind }),
    ...(task === undefined ? {} : { task }),
    ...(client === undefined ? {} : { client }),
    final: finals.some((answer) => answer?.final === true),
    conflicts: gathered.conflicts.filter(({ field, source }) => field !== 'kind' && field !== 'task' && source !== 'opener' && source !== 'opener-text' && source !== 'none'),
    dropped: [...dropped],
    ...(inference.label === undefined ? {} : { label: inference.label }),
  };
  return { identity, inference };
}

function unnamedInstance(input: IdentityInput, session: SessionId, agent: Evidence<AgentId>, inference: Inference): Evidence<InstanceId> {
  const full = inferredInstance(input, session, agent.value, inference);
  return { value: full.length <= 256 ? full : instanceId(`instance-${input.hashing.text(full)}`), source: 'session and agent', confidence: agent.confidence };
}
