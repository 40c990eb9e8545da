/** The one function that says who is calling: headers of ours, vendors' rows, the body, tracing, then inference. */
import { agentId, DEFAULT_WORKLOAD, instanceId, sessionId, workloadId, type AgentId, type InstanceId, type SessionId } from '../ids.ts';
import { defaultInstance, infer, type Inference } from './infer.ts';
import { cleanId, isYes, readPlace } from './readers.ts';
import type { Conflict, Evidence, Identity, IdentityInput } from './types.ts';
import { OWN_ROW, VENDOR_ROWS, type VendorRow } from './vendors.ts';

type FieldName = 'session' | 'agent' | 'instance' | 'parent';
const FIELDS: readonly FieldName[] = ['session', 'agent', 'instance', 'parent'];

interface RowAnswer {
  readonly row: VendorRow;
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
  return Object.keys(fields).length === 0 && !final ? undefined : { row, fields, final };
}

/** The rows that hold, the surest first; rows that are equally sure in the table's order. */
function answeringRows(input: IdentityInput, dropped: Set<string>): RowAnswer[] {
  const answers = VENDOR_ROWS.map((row) => readRow(input, row, dropped)).filter((answer) => answer !== undefined);
  return answers.sort((a, b) => b.row.confidence - a.row.confidence);
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
      if (field !== undefined) this.offer(name, { value: field.text, source: field.source, confidence: answer.row.confidence });
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
  const outranked = claimed === undefined && best.confidence > (winner?.row.confidence ?? 0);
  if (outranked) gathered.offer('session', best);
  if (winner !== undefined && !outranked) gathered.take(winner, FIELDS);
  const session = gathered.get('session', sessionId) ?? best;
  for (const answer of rows) {
    if (answer === winner && !outranked) continue;
    const other = answer.fields.session;
    gathered.take(answer, other === undefined || other.text === session.value ? FIELDS : ['session']);
  }
  for (const evidence of inference.sessions) if (evidence.confidence >= best.confidence || evidence.source === 'lineage') gathered.offer('session', evidence);

  const agent: Evidence<AgentId> = gathered.get('agent', agentId) ?? inference.agent;
  const instance: Evidence<InstanceId> = gathered.get('instance', instanceId) ?? shortened(session.value, agent, input.hash);
  const parent = gathered.get('parent', instanceId) ?? inference.parent;
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
    final: finals.some((answer) => answer?.final === true),
    conflicts: gathered.conflicts.filter((conflict) => conflict.source !== 'opener' && conflict.source !== 'none'),
    dropped: [...dropped],
    ...(inference.label === undefined ? {} : { label: inference.label }),
  };
  return { identity, inference };
}

function shortened(session: SessionId, agent: Evidence<AgentId>, hash: (text: string) => string): Evidence<InstanceId> {
  const full = defaultInstance(session, agent.value);
  return { value: full.length <= 256 ? full : instanceId(`instance-${hash(full)}`), source: 'session and agent', confidence: agent.confidence };
}
