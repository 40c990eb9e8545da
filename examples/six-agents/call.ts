/** One call through the official SDK: streamed, tool calls put together from their pieces, times taken at the client. */
import type OpenAI from 'openai';
import type { ChatCompletionChunk, ChatCompletionCreateParamsStreaming, ChatCompletionMessageFunctionToolCall, ChatCompletionMessageParam } from 'openai/resources/chat/completions';
import type { Answer } from './conversation.ts';
import type { Pace } from './pace.ts';
import type { Role } from './roles.ts';
import type { ScriptedStep } from './script.ts';

export interface CallRequest {
  readonly model: string;
  readonly session: string;
  readonly role: Role;
  readonly messages: readonly ChatCompletionMessageParam[];
  readonly maxTokens: number;
  /** The answer that a synthetic model is made to give; absent: the model's own words count. */
  readonly forced?: Pick<ScriptedStep, 'answer' | 'toolCall'>;
}

export interface CallTimes {
  readonly sentAtMs: number;
  readonly firstContentAtMs: number;
  readonly endedAtMs: number;
}
export interface CallUsage {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
}
export interface CompletedCall {
  readonly answer: Answer;
  readonly times: CallTimes;
  readonly usage: CallUsage;
}

export const WORKLOAD = 'six-agents';

type ForcedBody = ChatCompletionCreateParamsStreaming & {
  entresol_force?: { content: string; tool_calls?: { name: string; arguments: string }[] };
};

export function bodyOf(request: CallRequest): ForcedBody {
  const { forced } = request;
  return {
    model: request.model,
    messages: [...request.messages],
    tools: [...request.role.tools],
    max_tokens: request.maxTokens,
    stream: true,
    stream_options: { include_usage: true },
    ...(forced === undefined ? { temperature: 0.7 } : {
      temperature: 0,
      entresol_force: {
        content: forced.answer,
        ...(forced.toolCall === undefined ? {} : { tool_calls: [{ name: forced.toolCall.name, arguments: JSON.stringify(forced.toolCall.arguments) }] }),
      },
    }),
  };
}

/** Tool calls arrive in pieces, told apart by their index. */
class ToolCallParts {
  private readonly parts: { id: string; name: string; argumentsJson: string }[] = [];

  add(delta: NonNullable<ChatCompletionChunk.Choice.Delta['tool_calls']>[number]): void {
    const part = (this.parts[delta.index] ??= { id: '', name: '', argumentsJson: '' });
    part.id ||= delta.id ?? '';
    part.name += delta.function?.name ?? '';
    part.argumentsJson += delta.function?.arguments ?? '';
  }

  all(): ChatCompletionMessageFunctionToolCall[] {
    return this.parts.filter((part) => part !== undefined)
      .map((part) => ({ id: part.id, type: 'function', function: { name: part.name, arguments: part.argumentsJson } }));
  }
}

export async function call(client: OpenAI, request: CallRequest, pace: Pace, signal?: AbortSignal): Promise<CompletedCall> {
  const headers = { 'x-entresol-workload': WORKLOAD, 'x-entresol-session': request.session, 'x-entresol-agent': request.role.name };
  const body = bodyOf(request);
  const sentAtMs = pace.nowMs();
  const stream = await client.chat.completions.create(body, { headers, ...(signal === undefined ? {} : { signal }) });
  const toolCalls = new ToolCallParts();
  let firstContentAtMs: number | undefined;
  let content = '';
  let usage: CallUsage | undefined;
  for await (const chunk of stream) {
    const delta = chunk.choices[0]?.delta;
    if (firstContentAtMs === undefined && (delta?.content || delta?.tool_calls !== undefined)) firstContentAtMs = pace.nowMs();
    content += delta?.content ?? '';
    for (const piece of delta?.tool_calls ?? []) toolCalls.add(piece);
    if (chunk.usage) {
      usage = { promptTokens: chunk.usage.prompt_tokens, cachedTokens: chunk.usage.prompt_tokens_details?.cached_tokens ?? 0, outputTokens: chunk.usage.completion_tokens };
    }
  }
  const endedAtMs = pace.nowMs();
  if (usage === undefined) throw new Error('the server sent no usage although stream_options.include_usage was set');
  return { answer: { content, toolCalls: toolCalls.all() }, times: { sentAtMs, firstContentAtMs: firstContentAtMs ?? endedAtMs, endedAtMs }, usage };
}
