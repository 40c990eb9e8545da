/** The routes that engines answer; every other path under `/v1` goes to an upstream as it came. */
import type { Engine } from '../core/index.ts';
import type { Calls } from './call.ts';
import { modelList, modelNamed } from './models.ts';
import { sendJson } from './respond.ts';
import type { Route } from './router.ts';

export function engineRoutes(engines: readonly Engine[], calls: Calls): Route[] {
  const models: Route[] = engines.some((engine) => engine.capabilities.passThrough === true)
    ? [
        { method: 'GET', pattern: '/v1/models', handle: (context) => calls.models(context) },
        { method: 'GET', pattern: '/v1/models/:id', slashes: true, handle: (context) => calls.models(context) },
      ]
    : [
        { method: 'GET', pattern: '/v1/models', handle: ({ response, requestId }) => sendJson(response, requestId, { object: 'list', data: modelList(engines) }) },
        { method: 'GET', pattern: '/v1/models/:id', slashes: true, handle: ({ response, requestId, parameter }) => sendJson(response, requestId, modelNamed(engines, parameter)) },
      ];
  return [
    ...models,
    { method: 'POST', pattern: '/v1/chat/completions', handle: (context) => calls.serve(context, 'chat') },
    { method: 'POST', pattern: '/v1/completions', handle: (context) => calls.serve(context, 'completions') },
    { method: 'POST', pattern: '/v1/responses', handle: (context) => calls.serve(context, 'responses') },
    { method: 'POST', pattern: '/v1/messages', handle: (context) => calls.serve(context, 'messages') },
    { method: 'POST', pattern: '/v1/messages/count_tokens', handle: (context) => calls.countTokens(context) },
    { method: 'POST', pattern: '/v1/embeddings', handle: (context) => calls.passDialect(context, 'embeddings') },
  ];
}
