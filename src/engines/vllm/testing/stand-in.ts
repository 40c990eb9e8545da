/** vLLM's HTTP surface as the adapter asks it, for what a real one cannot be made to do: other versions, garbage, restarts at will. */
import type { Script } from '../../../../test/support/scripted-upstream.ts';

export interface StandInOptions {
  readonly version?: string;
  readonly fields?: readonly ('cache_salt' | 'vllm_xargs')[];
  readonly priority?: boolean;
  readonly metrics?: string;
  readonly eventSources?: unknown;
}

interface Body { readonly cache_salt?: unknown; readonly vllm_xargs?: unknown; readonly priority?: number; readonly stream?: boolean; readonly messages?: unknown }

/** @param start which of its starts this is */
export function vllmScript(start: number, options: StandInOptions = {}): Script {
  const { version = '0.32.0', fields = ['cache_salt', 'vllm_xargs'], priority = true, eventSources } = options;
  const metrics = options.metrics ?? [
    'vllm:num_requests_running{engine="0",model_name="m"} 0.0', 'vllm:num_requests_waiting{engine="0",model_name="m"} 0.0', 'vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25',
    'vllm:prefix_cache_queries_total{engine="0",model_name="m"} 400.0', 'vllm:prefix_cache_hits_total{engine="0",model_name="m"} 100.0',
    'vllm:cache_config_info{block_size="16",engine="0",num_gpu_blocks="1000"} 1.0', `process_start_time_seconds ${1_700_000_000 + start}.5`, '',
  ].join('\n');
  return (request, response) => {
    const json = (value: unknown, status = 200): void => { response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value)); };
    const path = request.path.split('?')[0];
    if (path === '/version') json({ version });
    else if (path === '/v1/models') json({ object: 'list', data: [{ id: 'm', max_model_len: 4096 }] });
    else if (path === '/metrics') response.end(metrics);
    else if (path === '/kv_event_sources' && eventSources !== undefined) json(eventSources);
    else if (path === '/v1/chat/completions' || path === '/v1/completions') {
      const body = JSON.parse(request.body.toString()) as Body;
      if ((fields.includes('cache_salt') && body.cache_salt === 0) || (fields.includes('vllm_xargs') && JSON.stringify(body.vllm_xargs ?? {}).includes('{"b"')) || (!priority && (body.priority ?? 0) !== 0)) json({ error: { message: 'refused', code: 400 } }, 400);
      else answer(response, body.stream === true, body.messages !== undefined);
    } else json({ detail: 'Not Found' }, 404);
  };
}

function answer(response: Parameters<Script>[1], stream: boolean, chat: boolean): void {
  const usage = { prompt_tokens: 3, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 0 } };
  const choice = chat ? { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'ok' } } : { index: 0, finish_reason: 'stop', text: 'ok' };
  if (!stream) {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id: 'x', choices: [choice], usage, metrics: { time_to_first_token_ms: 30.5, queue_time_ms: 10.25 } }));
    return;
  }
  const delta = { index: 0, finish_reason: 'stop', ...(chat ? { delta: { content: 'ok' } } : { text: 'ok' }) };
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const event of [{ id: 'x', choices: [delta] }, { id: 'x', choices: [], usage }]) response.write(`data: ${JSON.stringify(event)}\n\n`);
  response.end('data: [DONE]\n\n');
}
