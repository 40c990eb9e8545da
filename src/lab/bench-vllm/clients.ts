/** The clients of one side: places that each play one session after another through its gateway. */
import { createHash } from 'node:crypto';
import { Pool } from 'undici';
import { EntresolError } from '../../core/index.ts';
import type { CallSample } from '../bench/measures.ts';
import type { PlannedCall } from '../bench/planned-session.ts';
import type { VllmLoad } from './load.ts';

export interface ClientOptions {
  /** Of the gateway. */
  readonly url: string;
  readonly model: string;
  readonly thinkMs: number;
  onCall(sample: CallSample): void;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Plays all sessions to their ends. */
export async function playAll(load: VllmLoad, options: ClientOptions): Promise<void> {
  const pool = new Pool(options.url, { connections: load.concurrency, keepAliveTimeout: 60_000, bodyTimeout: 0, headersTimeout: 0 });
  let next = 0;
  const place = async (index: number): Promise<void> => {
    await sleep((index / load.concurrency) * options.thinkMs);
    for (let session = next++; session < load.sessions.length; session = next++) {
      const { id, calls } = load.sessions[session];
      for (const [step, call] of calls.entries()) {
        options.onCall(await send(pool, options, call, { workload: load.trace, session: id, step }));
        await sleep(call.pauseUnits * options.thinkMs);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: load.concurrency }, (_, index) => place(index)));
  } finally {
    await pool.close();
  }
}

interface Position { readonly workload: string; readonly session: string; readonly step: number }

async function send(pool: Pool, { model }: ClientOptions, call: PlannedCall, position: Position): Promise<CallSample> {
  const body = JSON.stringify({
    model, prompt: [...call.prompt], max_tokens: call.output.length, temperature: 0, ignore_eos: true, stream: true, stream_options: { include_usage: true },
    // Read by the executor that stands in for the model: the answer is that of the trace.
    vllm_xargs: { entresol_output: [...call.output] },
  });
  const requestHash = createHash('sha256').update(body).digest('base64url').slice(0, 16);
  const sentAtMs = performance.now();
  const { statusCode, body: answer } = await pool.request({
    method: 'POST', path: '/v1/completions', body,
    headers: {
      'content-type': 'application/json', 'x-entresol-workload': position.workload, 'x-entresol-session': position.session, 'x-entresol-agent': call.agent,
      ...(call.instance === call.agent ? {} : { 'x-entresol-instance': call.instance }),
    },
  });
  let firstAtMs: number | undefined;
  let text = '';
  for await (const chunk of answer) {
    firstAtMs ??= performance.now();
    text += (chunk as Buffer).toString('utf8');
  }
  const endedAtMs = performance.now();
  if (statusCode !== 200) throw new EntresolError('ENT_UPSTREAM_FAILED', `a call of session ${position.session} was answered with ${statusCode}: ${text.slice(0, 300)}`);
  const usage = usageIn(text);
  return {
    session: position.session, step: position.step, agent: call.instance, endedAtMs, requestHash,
    ttftMs: (firstAtMs ?? endedAtMs) - sentAtMs, endToEndMs: endedAtMs - sentAtMs,
    promptTokens: usage.prompt_tokens, cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0, outputTokens: usage.completion_tokens,
  };
}

interface Usage { readonly prompt_tokens: number; readonly completion_tokens: number; readonly prompt_tokens_details?: { readonly cached_tokens?: number } | null }

/** @throws EntresolError `ENT_UPSTREAM_FAILED` where the stream ended without its usage: an error came in it */
function usageIn(stream: string): Usage {
  for (const line of stream.split('\n').toReversed()) {
    if (!line.startsWith('data: {')) continue;
    const { usage } = JSON.parse(line.slice('data: '.length)) as { usage?: Usage | null };
    if (usage !== undefined && usage !== null) return usage;
  }
  throw new EntresolError('ENT_UPSTREAM_FAILED', `an answer ended without its usage: ${stream.slice(-300)}`);
}
