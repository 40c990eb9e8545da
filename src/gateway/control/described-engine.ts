import type { Engine } from '../../core/index.ts';

/** An engine as `GET /entresol/v1/engines` tells of it: what it is, what it can do, how it is. */
export function describeEngine(engine: Engine, troubles: Readonly<Record<string, number>>): object {
  const { dialects, intents, retention, cache, ordersQueue, countsCachedTokens, saltsCache } = engine.capabilities;
  const discovery = engine.discovery?.();
  return {
    replica: engine.replica, kind: engine.kind, healthy: engine.healthy(), load: engine.load(), models: engine.models().map(({ id }) => id),
    ...(discovery?.product === undefined ? {} : { product: discovery.product }),
    can: { dialects, intents, retention: retention?.mode ?? 'none', ordersQueue, countsCachedTokens, saltsCache: saltsCache ?? false, ...(cache === undefined ? {} : { cache }) },
    features: discovery?.features ?? [],
    troubles,
  };
}
