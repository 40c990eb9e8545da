import type { RequestView, TenantId } from '../core/index.ts';

/**
 * Policies order within a tenant; an engine's queue may hold several. Tenants take turns, the one whose first request
 * has waited longest begins.
 * @param orderOf indices of one tenant's requests, best first; undefined: as they came
 * @returns undefined if no tenant's requests were ordered
 */
export function orderAcrossTenants(
  waiting: readonly RequestView[], orderOf: (tenant: TenantId, requests: readonly RequestView[]) => readonly number[] | undefined,
): number[] | undefined {
  const members = new Map<TenantId, number[]>();
  waiting.forEach((request, index) => {
    const own = members.get(request.by.tenant);
    if (own === undefined) members.set(request.by.tenant, [index]);
    else own.push(index);
  });
  let ordered = false;
  const queues: number[][] = [];
  for (const [tenant, indices] of members) {
    const order = orderOf(tenant, indices.map((index) => waiting[index]));
    ordered ||= order !== undefined;
    queues.push(order === undefined ? indices : order.map((position) => indices[position]));
  }
  if (!ordered) return undefined;
  queues.sort((a, b) => waiting[a[0]].arrivedAtMs - waiting[b[0]].arrivedAtMs);
  const result: number[] = [];
  for (let turn = 0; result.length < waiting.length; turn++) {
    for (const queue of queues) if (turn < queue.length) result.push(queue[turn]);
  }
  return result;
}
