import { createHash } from 'node:crypto';
import type { Coordinate } from '../../core/index.ts';

type Lineage = Pick<Coordinate, 'tenant' | 'workload' | 'session' | 'agent'>;

/** What a lineage is called outside: 32 hexadecimal digits. Ids of clients may hold what a server should not see, and those of two tenants may be equal. */
export function lineageId({ tenant, workload, session, agent }: Lineage): string {
  return createHash('sha256').update(JSON.stringify([tenant, workload, session, agent])).digest('hex').slice(0, 32);
}

/** The same of a whole session, all its agents. */
export function sessionKey({ tenant, workload, session }: Omit<Lineage, 'agent'>): string {
  return createHash('sha256').update(JSON.stringify([tenant, workload, session])).digest('hex').slice(0, 32);
}

/** One live context of an agent, and in the same words the one that began it. */
export function instanceKey({ tenant, workload, session }: Omit<Lineage, 'agent'>, instance: Coordinate['instance']): string {
  return createHash('sha256').update(JSON.stringify([tenant, workload, session, 'instance', instance])).digest('hex').slice(0, 32);
}

/** A workload of a tenant. */
export const workloadKey = ({ tenant, workload }: Pick<Lineage, 'tenant' | 'workload'>): string => createHash('sha256').update(JSON.stringify([tenant, workload])).digest('hex').slice(0, 32);

/** A tenant, for servers that keep caches apart by it. */
export const tenantKey = (tenant: Coordinate['tenant']): string => createHash('sha256').update(JSON.stringify(['tenant', tenant])).digest('hex').slice(0, 32);
