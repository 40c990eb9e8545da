/** A scaled trace as a workload: prompts go to `/v1/completions` as token ids, answers are forced. */
import { createHash } from 'node:crypto';
import type OpenAI from 'openai';
import type { CompletionCreateParamsStreaming } from 'openai/resources/completions';
import type { CallSample } from './measures.ts';
import type { PlannedCall } from './planned-session.ts';
import type { ScaledTrace } from './trace-sessions.ts';
import type { BenchWorkload, Connection, PlayOptions } from './workload.ts';

/** What makes an engine decode as long an answer as the trace's: by default its tokens are forced. */
export type AnswerFields = (output: Int32Array) => Readonly<Record<string, unknown>>;

const forced: AnswerFields = (output) => ({ entresol_force: { tokens: Array.from(output) } });

interface Position { readonly workload: string; readonly session: string; readonly step: number }

export function traceWorkload(trace: ScaledTrace, concurrency: number, answerFields = forced): BenchWorkload {
  return {
    name: trace.name, concurrency, scale: trace.scale, sessions: trace.sessions,
    play: async (index, options) => {
      const session = trace.sessions[index];
      for (const [step, call] of session.calls.entries()) {
        options.onCall(await send(options, call, answerFields, { workload: trace.name, session: session.id, step }));
        const pauseMs = call.pauseUnits * options.thinkMs;
        if (pauseMs > 0) await options.connection.clock.sleep(pauseMs, options.signal);
      }
    },
  };
}

async function send({ connection, signal }: PlayOptions, call: PlannedCall, answerFields: AnswerFields, position: Position): Promise<CallSample> {
  const { clock, model } = connection;
  const body: CompletionCreateParamsStreaming = {
    model, prompt: Array.from(call.prompt), max_tokens: call.output.length, temperature: 0, stream: true, stream_options: { include_usage: true },
    ...answerFields(call.output),
  };
  const headers = {
    'x-entresol-workload': position.workload, 'x-entresol-session': position.session, 'x-entresol-agent': call.agent,
    ...(call.instance === call.agent ? {} : { 'x-entresol-instance': call.instance }),
  };
  const requestHash = createHash('sha256').update(call.prompt).update(call.output).digest('base64url').slice(0, 16);
  const sentAtMs = clock.nowMs();
  const { firstAtMs, usage } = await firstContentAndUsage(connection, body, headers, signal);
  const endedAtMs = clock.nowMs();
  return {
    session: position.session, step: position.step, agent: call.instance, endedAtMs, requestHash,
    ttftMs: (firstAtMs ?? endedAtMs) - sentAtMs, endToEndMs: endedAtMs - sentAtMs,
    promptTokens: usage.prompt_tokens, cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0, outputTokens: usage.completion_tokens,
  };
}

async function firstContentAndUsage({ client, clock }: Connection, body: CompletionCreateParamsStreaming, headers: Record<string, string>, signal: AbortSignal): Promise<{ firstAtMs: number | undefined; usage: OpenAI.CompletionUsage }> {
  const stream = await client.completions.create(body, { headers, signal });
  let firstAtMs: number | undefined;
  let usage: OpenAI.CompletionUsage | undefined;
  for await (const chunk of stream) {
    if (chunk.choices[0]?.text) firstAtMs ??= clock.nowMs();
    usage = chunk.usage ?? usage;
  }
  if (usage === undefined) throw new Error('the server sent no usage although stream_options.include_usage was set');
  return { firstAtMs, usage };
}
