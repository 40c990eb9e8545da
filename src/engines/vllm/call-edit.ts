/** What a call carries to the package beside what the client sent: a tag that its reports repeat. */
import { addMembersIn, setMember } from '../../core/index.ts';
import { isFields } from './side-channel/messages.ts';

/** Ours alone (integrations/vllm/PROTOCOL.md, "Fields of a request"): who may set them decides what the cache keeps. */
const RESERVED = ['entresol_tag', 'entresol_session', 'entresol_lease', 'entresol_tokens'];

/**
 * @param parsed the same body, parsed
 * @param tag absent: what clients must not say is taken out, and nothing is added
 * @param shared with other tenants: then none puts itself before the others
 */
export function editBody(client: Buffer, parsed: Readonly<Record<string, unknown>>, tag: string | undefined, shared: boolean): Buffer {
  const body = shared && Object.hasOwn(parsed, 'priority') ? setMember(client, parsed, 'priority', '0') : client;
  const given = parsed.vllm_xargs;
  const added = tag === undefined ? {} : { entresol_tag: tag };
  if (isFields(given) && RESERVED.some((name) => Object.hasOwn(given, name))) {
    const kept = Object.fromEntries(Object.entries(given).filter(([name]) => !RESERVED.includes(name)));
    return setMember(body, parsed, 'vllm_xargs', JSON.stringify({ ...kept, ...added }));
  }
  return addMembersIn(body, parsed, 'vllm_xargs', added);
}
