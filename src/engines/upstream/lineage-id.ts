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
