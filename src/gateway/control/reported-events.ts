/** `POST /entresol/v1/events`: what a framework may tell us beyond its calls. */
import { z } from 'zod';
import { agentId, EntresolError, sessionId, toolCallId, type AgentEvent, type Clock, type Coordinate, type TenantId } from '../../core/index.ts';
import type { ControlRuntime } from '../runtime-port.ts';

const id = z.string().regex(/^[\x20-\x7e]{1,256}$/, 'must be 1 to 256 printable bytes');
const reported = z.discriminatedUnion('type', [
  z.object({ type: z.literal('tool-start'), session: id, agent: id.optional(), toolCallId: id.optional(), name: id }),
  z.object({ type: z.literal('tool-end'), session: id, agent: id.optional(), toolCallId: id.optional(), name: id, durationMs: z.number().nonnegative() }),
  z.object({ type: z.literal('session-end'), session: id, agent: id.optional(), reason: z.enum(['explicit', 'closed']).optional() }),
]);
const MAXIMUM_EVENTS = 1000;
const schema = z.array(reported).max(MAXIMUM_EVENTS);

export interface ReportedResult {
  readonly accepted: number;
  /** Indices of events about sessions that no call has made known. */
  readonly unknownSessions: readonly number[];
}

/** @throws EntresolError `ENT_BAD_REQUEST` naming the field; then none of the events has been taken */
export function reportEvents(body: unknown, tenant: TenantId, runtime: Pick<ControlRuntime, 'session' | 'observe'>, clock: Clock): ReportedResult {
  const parsed = schema.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const at = issue.path.reduce<string>((path, part) => (typeof part === 'number' ? `${path}[${part}]` : `${path}.${String(part)}`), 'body');
    throw new EntresolError('ENT_BAD_REQUEST', `${at}: ${issue.message}; expected an array of tool-start, tool-end and session-end events.`, { at });
  }
  const unknownSessions: number[] = [];
  parsed.data.forEach((event, index) => {
    const session = runtime.session(tenant, sessionId(event.session));
    if (session === undefined) {
      unknownSessions.push(index);
      return;
    }
    const by: Coordinate = event.agent === undefined ? session.by : { ...session.by, agent: agentId(event.agent) };
    runtime.observe(asEvent(event, by, clock.nowMs()));
  });
  return { accepted: parsed.data.length - unknownSessions.length, unknownSessions };
}

function asEvent(event: z.infer<typeof reported>, by: Coordinate, atMs: number): AgentEvent {
  if (event.type === 'session-end') return { type: 'session-end', atMs, by, reason: event.reason ?? 'explicit' };
  const base = { atMs, by, toolCall: toolCallId(event.toolCallId ?? ''), name: event.name };
  return event.type === 'tool-start' ? { type: 'tool-start', ...base } : { type: 'tool-end', ...base, durationMs: event.durationMs };
}
