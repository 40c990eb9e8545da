/** What calls say to Dynamo beside what they ask of the model: hints in `nvext`, and headers. */
import { addMembersIn, setMember, type Memory } from '../../core/index.ts';
import { isObject } from '../../core/fields.ts';
import { namesSession } from '../upstream/edit-headers.ts';

/** Of `nvext`, what changes nothing but the client's own answer. All else, and what later versions add, chooses workers, caches, sessions or a place in the queue. */
const OWN_ANSWER: ReadonlySet<string> = new Set(['annotations', 'extra_fields', 'greed_sampling', 'max_thinking_tokens', 'token_data', 'use_raw_prompt']);

/** Headers by which a client could choose a worker, another's session or its end. @param name in lower case */
export const steersDynamo = (name: string): boolean => name.startsWith('x-dynamo-') || name === 'x-tenant-id' || namesSession(name);

/**
 * @param parsed the same body, parsed
 * @param hints ours; beside a client's own these are not added
 * @param shared with other tenants: then ours are the only ones
 */
export function hinted(body: Buffer, parsed: Readonly<Record<string, unknown>>, hints: Readonly<Record<string, unknown>>, shared: boolean, memory?: Memory): Buffer {
  const ours = Object.keys(hints).length === 0 ? {} : { agent_hints: hints };
  if (!shared || !Object.hasOwn(parsed, 'nvext')) return addMembersIn(body, parsed, 'nvext', ours, memory);
  const theirs = isObject(parsed.nvext) ? Object.entries(parsed.nvext).filter(([name]) => OWN_ANSWER.has(name)) : [];
  return setMember(body, parsed, 'nvext', JSON.stringify({ ...Object.fromEntries(theirs), ...ours }), memory);
}
