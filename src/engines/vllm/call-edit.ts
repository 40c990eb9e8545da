/** What a call carries to the package beside what the client sent: a tag that its reports repeat. What clients must not say is taken out. */
import { addMembersIn, EntresolError, removeMembersIn, setMember, type Memory } from '../../core/index.ts';
import { headerIn, withoutHeaders } from '../upstream/edit-headers.ts';
import { saidUnread, type UnreadNames } from '../upstream/unread-body.ts';
import { isFields } from './side-channel/messages.ts';

/** Ours alone (integrations/vllm/PROTOCOL.md, "Fields of a request"): who may set them decides what the cache keeps. */
const RESERVED = ['entresol_tag', 'entresol_session', 'entresol_lease', 'entresol_tokens'];
const UNREAD: UnreadNames = { json: RESERVED, form: ['vllm_xargs', 'entresol_'], levels: 'all' };
/** vLLM reads here which of its ranks, each with a cache of its own, a call is to go to. */
const RANK_HEADER = 'x-data-parallel-rank';
/** Goes over the `priority` of the body. */
export const PRIORITY_HEADER = 'x-vllm-priority';

/**
 * @param parsed the same body, parsed
 * @param tag absent: what clients must not say is taken out, and nothing is added
 * @param shared with other tenants: then none puts itself before the others, or names what connectors are to load
 */
export function editBody(client: Buffer, parsed: Readonly<Record<string, unknown>>, tag: string | undefined, shared: boolean, memory?: Memory): Buffer {
  let body = client;
  if (shared && Object.hasOwn(parsed, 'priority')) body = setMember(body, parsed, 'priority', '0', memory);
  if (shared && Object.hasOwn(parsed, 'kv_transfer_params')) body = setMember(body, parsed, 'kv_transfer_params', 'null', memory);
  if (Object.hasOwn(parsed, 'vllm_xargs')) body = removeMembersIn(body, 'vllm_xargs', RESERVED);
  if (tag === undefined) return body;
  const given = parsed.vllm_xargs;
  const kept = isFields(given) ? Object.fromEntries(Object.entries(given).filter(([name]) => !RESERVED.includes(name))) : given;
  return addMembersIn(body, { ...parsed, ...(given === undefined ? {} : { vllm_xargs: kept }) }, 'vllm_xargs', { entresol_tag: tag }, memory);
}

/**
 * @param shared with other tenants
 * @returns undefined: nothing is to be changed of them
 */
export function editHeaders(headers: readonly string[], shared: boolean): string[] | undefined {
  const taken = shared ? [RANK_HEADER, PRIORITY_HEADER] : [RANK_HEADER];
  return taken.some((name) => headerIn(headers, name) !== undefined) ? withoutHeaders(headers, (name) => taken.includes(name)) : undefined;
}

/**
 * For a body that is not read otherwise, of a path that nobody here knows: some of vLLM's take fields for plugins too.
 * @throws EntresolError `ENT_BAD_REQUEST` where it says, or may say, what clients must not
 */
export function checkUnread(body: Buffer, headers: readonly string[]): void {
  const name = saidUnread(body, headers, UNREAD);
  if (name !== undefined) throw new EntresolError('ENT_BAD_REQUEST', `${name} may not be sent on this path: what the cache keeps is not for clients to say.`, { at: name });
}
