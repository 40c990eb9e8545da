/** What clients could say to llm-d's routers, and through them to the vLLM replicas behind, in place of whoever runs it. */
import type { EngineCall } from '../../core/index.ts';
import { namesSession } from '../upstream/edit-headers.ts';
import { refuseUnread } from '../upstream/unread-body.ts';
import { checkUnread, editBody, PRIORITY_HEADER } from '../vllm/call-edit.ts';

/** They name replicas, or whose turn it is; the older names are aliases of the newer. */
const NEVER_FROM_CLIENTS: ReadonlySet<string> = new Set([
  'x-gateway-destination-endpoint', 'x-gateway-destination-endpoint-subset', 'x-prefiller-host-port', 'x-encoder-hosts-ports', 'x-kv-cache-source-host-port', 'x-data-parallel-host-port',
  'x-gateway-inference-fairness-id', 'x-llm-d-inference-fairness-id',
]);

/** @param name in lower case */
export const steersReplica = (name: string): boolean => NEVER_FROM_CLIENTS.has(name);

/** What more one tenant could put itself before others with: objectives, aims, sessions, priorities. @param name in lower case */
export const steersRouter = (name: string): boolean =>
  steersReplica(name) || namesSession(name) || ['x-llm-d-', 'x-gateway-', 'x-slo-'].some((prefix) => name.startsWith(prefix)) || name === 'x-session-token' || name === PRIORITY_HEADER;

/** The body without what ranks a call among others', or names where another's cache lies. */
export function withoutSteering({ dialect, body, parsed, memory }: Pick<EngineCall, 'dialect' | 'body' | 'parsed' | 'memory'>): Buffer {
  if (dialect === 'embeddings' || body.length === 0) return body;
  return editBody(body, parsed as Readonly<Record<string, unknown>>, undefined, true, memory?.take);
}

/** The same for a body that is not read otherwise. @throws EntresolError `ENT_BAD_REQUEST` */
export function checkUnreadOfTenant(body: Buffer, headers: readonly string[]): void {
  if (body.length === 0) return;
  refuseUnread(body, headers, ['priority', 'kv_transfer_params']);
  checkUnread(body, headers);
}
