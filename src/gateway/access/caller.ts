/** Who calls, from the credential alone, and the request's headers without keys of ours. */
import { EntresolError, LOCAL_TENANT, type TenantId, type WorkloadId } from '../../core/index.ts';
import { looksLikeKey, type KeyRing, type KeySetting } from './keys.ts';

export interface Caller {
  readonly tenant: TenantId;
  /** Of calls that name none. */
  readonly workload?: WorkloadId;
  readonly admin: boolean;
  /** The name of its key; absent while no keys are configured. */
  readonly key?: string;
}

export interface Admitted {
  readonly caller: Caller;
  /** As they came, less every header that holds a key of ours. */
  readonly headers: readonly string[];
  /** A credential was taken out: what goes on may need one of the upstream's own. */
  readonly stripped: boolean;
}

/** The one there is while no keys are configured: it came over loopback. */
const LOCAL_CALLER: Caller = { tenant: LOCAL_TENANT, admin: true };

/** What a header presents as a credential: `x-api-key` as it is, `authorization` without its scheme. */
function presentedBy(name: string, value: string): string | undefined {
  if (name === 'x-entresol-key' || name === 'x-api-key') return value.trim();
  return name === 'authorization' ? value.replace(/^\s*bearer\s+/i, '').trim() : undefined;
}

/** Whether any header may hold a key of ours. */
function presentsAny(raw: readonly string[]): boolean {
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index].toLowerCase();
    const presented = presentedBy(name, raw[index + 1]);
    if (presented !== undefined && (name === 'x-entresol-key' || looksLikeKey(presented))) return true;
  }
  return false;
}

function callerOf({ tenant, workload, admin, name }: KeySetting): Caller {
  return { tenant, admin, key: name, ...(workload === undefined ? {} : { workload }) };
}

/**
 * @param raw alternating names and values
 * @throws EntresolError `ENT_UNAUTHORIZED` if keys are configured and none is presented, a wrong one, or those of two tenants
 */
export function callerFrom(raw: readonly string[], keys: KeyRing): Admitted {
  if (keys.empty && !presentsAny(raw)) return { caller: LOCAL_CALLER, headers: raw, stripped: false };
  const headers: string[] = [];
  let stripped = false;
  let found: KeySetting | undefined;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index].toLowerCase();
    const presented = presentedBy(name, raw[index + 1]);
    if (presented === undefined) {
      headers.push(raw[index], raw[index + 1]);
      continue;
    }
    const key = keys.find(presented);
    if (key === undefined && name === 'x-entresol-key' && !keys.empty) throw unauthorized('The key in x-entresol-key is none of this server.');
    if (key !== undefined && found !== undefined && key.tenant !== found.tenant) throw unauthorized('Two keys of different tenants are presented.');
    found ??= key;
    if (name === 'x-entresol-key') continue;
    if (key !== undefined || looksLikeKey(presented)) stripped = true;
    else headers.push(raw[index], raw[index + 1]);
  }
  if (keys.empty) return { caller: LOCAL_CALLER, headers, stripped };
  if (found === undefined) throw unauthorized('No key of this server is presented.');
  return { caller: callerOf(found), headers, stripped };
}

function unauthorized(why: string): EntresolError {
  return new EntresolError('ENT_UNAUTHORIZED', why, { at: 'header x-entresol-key' });
}
