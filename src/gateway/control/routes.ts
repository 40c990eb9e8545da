/** The routes that tell about the server itself and switch its policies. */
import { EntresolError, requestId, tenantId, type Clock, type Coverage, type Engine, type PolicyMode, type TenantId } from '../../core/index.ts';
import { parseJson, parseObject, readBody } from '../body.ts';
import { sendBytes, sendJson, sendLines } from '../respond.ts';
import type { Handler, Route, RouteContext } from '../router.ts';
import type { ControlRuntime } from '../runtime-port.ts';
import type { EventStreams } from './event-stream.ts';
import { describeEngine } from './described-engine.ts';
import { reportEvents } from './reported-events.ts';

export interface ControlServices {
  readonly runtime: ControlRuntime;
  readonly engines: readonly Engine[];
  readonly events: EventStreams;
  readonly clock: Clock;
  /** Of the configuration in force; anyone may read it. */
  readonly configuration?: () => object;
  state(): 'starting' | 'ready' | 'draining';
  coverage(tenant: TenantId): Coverage;
}

const MAXIMUM_CONTROL_BODY = 1024 * 1024;
const MODES: readonly PolicyMode[] = ['on', 'shadow', 'off'];

function readiness({ engines, state }: ControlServices): { ready: boolean; state: string; engines: { replica: string; kind: string; healthy: boolean }[] } {
  const states = engines.map((engine) => ({ replica: engine.replica, kind: engine.kind, healthy: engine.healthy() }));
  const ready = state() === 'ready' && states.some(({ healthy }) => healthy);
  return { ready, state: state() === 'ready' && !ready ? 'no engine is up' : state(), engines: states };
}

async function switchPolicy({ runtime }: ControlServices, context: RouteContext): Promise<void> {
  const { name, mode } = parseObject(await readBody(context.call, MAXIMUM_CONTROL_BODY));
  if (typeof name !== 'string') throw new EntresolError('ENT_BAD_REQUEST', 'name must be the name of a policy.', { at: 'name' });
  const wanted = MODES.find((known) => known === mode);
  if (wanted === undefined) throw new EntresolError('ENT_BAD_REQUEST', `mode must be one of ${MODES.join(', ')}.`, { at: 'mode' });
  runtime.setMode(name, wanted);
  sendJson(context.response, context.requestId, { policies: runtime.policies() });
}

/** One's own; an admin may ask about another with `?tenant=`. */
function tenantOf({ caller, target }: RouteContext): TenantId {
  const asked = caller.admin && target.includes('?') ? new URLSearchParams(target.slice(target.indexOf('?'))).get('tenant') : null;
  return asked === null ? caller.tenant : tenantId(asked);
}

const answer = (value: (context: RouteContext) => unknown): Handler => (context) => sendJson(context.response, context.requestId, value(context));

export function controlRoutes(services: ControlServices): Route[] {
  const { runtime } = services;
  return [
    { method: 'GET', pattern: '/healthz', open: true, handle: answer(() => ({ status: 'ok', ...(services.configuration === undefined ? {} : { configuration: services.configuration() }) })) },
    {
      method: 'GET', pattern: '/readyz', open: true,
      handle: ({ response, requestId: id }) => {
        const state = readiness(services);
        sendJson(response, id, state, state.ready ? 200 : 503);
      },
    },
    {
      method: 'GET', pattern: '/metrics', admin: true,
      handle: async ({ response, requestId: id }) => sendBytes(response, id, 200, runtime.metrics.contentType, Buffer.from(await runtime.metrics.render())),
    },
    { method: 'GET', pattern: '/entresol/v1/explain', handle: (context) => sendLines(context.response, context.requestId, runtime.explainAll(tenantOf(context))) },
    { method: 'GET', pattern: '/entresol/v1/explain/:id', handle: answer((context) => runtime.explain(requestId(context.parameter), tenantOf(context))) },
    { method: 'GET', pattern: '/entresol/v1/agents', handle: answer((context) => ({ agents: runtime.agents(tenantOf(context)), coverage: services.coverage(tenantOf(context)) })) },
    { method: 'GET', pattern: '/entresol/v1/sessions', handle: answer((context) => ({ sessions: runtime.sessions(tenantOf(context)) })) },
    { method: 'GET', pattern: '/entresol/v1/state', handle: answer((context) => runtime.state(tenantOf(context))) },
    { method: 'GET', pattern: '/entresol/v1/policies', admin: true, handle: answer(() => ({ policies: runtime.policies() })) },
    { method: 'GET', pattern: '/entresol/v1/engines', admin: true, handle: answer(() => ({ engines: services.engines.map((engine) => describeEngine(engine, runtime.engineTroubles(engine.replica))) })) },
    { method: 'POST', pattern: '/entresol/v1/policies', admin: true, handle: (context) => switchPolicy(services, context) },
    { method: 'GET', pattern: '/entresol/v1/events', handle: (context) => services.events.open(context.response, context.requestId, tenantOf(context)) },
    {
      method: 'POST', pattern: '/entresol/v1/events',
      handle: async ({ call, response, requestId: id, caller }) => sendJson(response, id, reportEvents(parseJson(await readBody(call, MAXIMUM_CONTROL_BODY)), caller.tenant, runtime, services.clock)),
    },
  ];
}
