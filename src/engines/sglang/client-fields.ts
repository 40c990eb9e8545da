/** What clients may say to an SGLang that they share with others. */
import { setMember, type Memory } from '../../core/index.ts';
import { notAmongTenants, refuseUnread } from '../upstream/unread-body.ts';

/** By these one could put itself before others, go on in another's session, choose a rank and its cache, fetch a cache from elsewhere, or end a call by another's id. Answers are the same without. */
const STEERING = [
  'priority', 'session_id', 'session_params', 'rid', 'routed_dp_rank', 'data_parallel_rank', 'disagg_prefill_dp_rank', 'bootstrap_host', 'bootstrap_port', 'bootstrap_room',
] as const;
/** Code to run in the server, and weights for it to load: answers without would be others. Adapters that are loaded have names as models (`model:adapter`). */
const REFUSED = ['custom_logit_processor', 'lora_path'] as const;
const ALL = [...STEERING, ...REFUSED];

/**
 * @param parsed the same body, parsed
 * @throws EntresolError `ENT_BAD_REQUEST` for what cannot be taken out without changing the answer
 */
export function withoutSteering(body: Buffer, parsed: Readonly<Record<string, unknown>>, memory?: Memory): Buffer {
  for (const name of REFUSED) if (parsed[name] !== undefined && parsed[name] !== null) throw notAmongTenants(name);
  return STEERING.reduce((kept, name) => (Object.hasOwn(parsed, name) ? setMember(kept, parsed, name, 'null', memory) : kept), body);
}

/** For a body that is not read otherwise. @throws EntresolError `ENT_BAD_REQUEST` */
export const checkUnread = (body: Buffer, headers: readonly string[]): void => refuseUnread(body, headers, ALL);
