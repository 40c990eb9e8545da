/** How the calls of a tenant say who they are, and what would make them say it better. Bounded: clients come from a table. */
import { CLIENT_ROWS, mendOf } from './clients.ts';
import type { Evidence } from './evidence.ts';
import type { Identity } from './types.ts';

/** From here on an id is what a client said, or what its conversation proves. */
const SURE = 0.85;

export interface FieldCoverage {
  /** Share of calls whose value is sure (confidence 0.85 or more), of all calls. */
  readonly sure: number;
  /** Mean confidence; calls without a value count as 0. */
  readonly confidence: number;
  /** Share of calls by source, the commonest first. */
  readonly sources: Readonly<Record<string, number>>;
}

export interface ClientCoverage {
  /** `unknown` where nothing tells. */
  readonly client: string;
  readonly calls: number;
  readonly session: FieldCoverage;
  readonly agent: FieldCoverage;
  /** Share of calls of an instance whose parent is known. */
  readonly withParent: number;
  /** Share of calls in which sources disagreed. */
  readonly withConflict: number;
  /** The header or setting that would raise it; absent where the client names session and agent. */
  readonly mend?: string;
}

export interface Coverage {
  readonly calls: number;
  /** The busiest first. */
  readonly clients: readonly ClientCoverage[];
}

class FieldTally {
  private sure = 0;
  private confidence = 0;
  private readonly sources = new Map<string, number>();

  add({ source, confidence }: Evidence<string>): void {
    if (confidence >= SURE) this.sure += 1;
    this.confidence += confidence;
    this.sources.set(source, (this.sources.get(source) ?? 0) + 1);
  }

  of(calls: number): FieldCoverage {
    const sources = [...this.sources].sort((a, b) => b[1] - a[1]).map(([source, count]) => [source, share(count, calls)] as const);
    return { sure: share(this.sure, calls), confidence: share(this.confidence, calls), sources: Object.fromEntries(sources) };
  }
}

const share = (part: number, all: number): number => (all === 0 ? 0 : Math.round((1000 * part) / all) / 1000);

/** Named by the client itself, not inferred. */
const isNamed = ({ source, confidence }: Evidence<string>): boolean => source.includes(':') && confidence >= SURE;

class ClientTally {
  calls = 0;
  named = 0;
  withParent = 0;
  withConflict = 0;
  readonly session = new FieldTally();
  readonly agent = new FieldTally();

  add(identity: Identity): void {
    this.calls += 1;
    this.session.add(identity.session);
    this.agent.add(identity.agent);
    if (identity.parent !== undefined) this.withParent += 1;
    if (identity.conflicts.length > 0) this.withConflict += 1;
    if (isNamed(identity.session) && isNamed(identity.agent)) this.named += 1;
  }
}

export class CoverageTally {
  private readonly clients = new Map<string, ClientTally>();

  record(identity: Identity): void {
    const client = identity.client?.value ?? 'unknown';
    let tally = this.clients.get(client);
    if (tally === undefined) {
      tally = new ClientTally();
      this.clients.set(client, tally);
    }
    tally.add(identity);
  }

  report(): Coverage {
    const clients = [...this.clients].sort((a, b) => b[1].calls - a[1].calls).map(([client, tally]): ClientCoverage => ({
      client, calls: tally.calls, session: tally.session.of(tally.calls), agent: tally.agent.of(tally.calls),
      withParent: share(tally.withParent, tally.calls), withConflict: share(tally.withConflict, tally.calls),
      ...(tally.named === tally.calls ? {} : { mend: mendOf(client) }),
    }));
    return { calls: clients.reduce((sum, { calls }) => sum + calls, 0), clients };
  }
}

/** What would make the fields of one call surer, field by field; empty where session and agent are sure. */
export function waysToRaise(identity: Identity): string[] {
  const client = identity.client?.value;
  const known = CLIENT_ROWS.some((row) => row.client === client);
  const ways: string[] = [];
  if (identity.session.confidence < SURE) ways.push(`session: send x-entresol-session${known ? ` (${client}: ${mendOf(client)})` : ''}`);
  if (identity.agent.confidence < SURE) ways.push(`agent: send x-entresol-agent${known ? ` (${client}: ${mendOf(client)})` : ', or give the agent a system prompt of its own'}`);
  if (identity.parent !== undefined && identity.parent.confidence < SURE) ways.push('parent: send x-entresol-parent with the instance that spawned this one');
  if (identity.dropped.length > 0) ways.push(`send 1 to 256 printable bytes in ${identity.dropped.join(', ')}`);
  if (identity.workload.source === 'default') ways.push('workload: send x-entresol-workload, or give the key one');
  return ways;
}
