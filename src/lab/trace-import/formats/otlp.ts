/**
 * OpenTelemetry GenAI spans as OTLP JSON: an export per line, as the file exporter writes them, or one document. A span
 * without captured content has lengths alone: its conversation is taken to grow.
 */
import { BoundedMap } from '../../../core/index.ts';
import { count, durationMs, importFault, requiredText, timeMs, type Fields } from '../fields.ts';
import { GrowingPrompts } from '../growing-prompt.ts';
import type { EmitCall, FormatReader } from '../imported-call.ts';
import { calledTools, definitionRuns, isFields, messagesRuns, systemText } from '../messages.ts';
import { knownStop } from '../stop-reasons.ts';
import type { TextHasher } from '../text-hasher.ts';
import type { LinePlace } from '../../trace/trace-line.ts';
import { plainAttributes, spanMessages } from './otlp-messages.ts';

/** Spans whose agent and parent are remembered: parents end, and are exported, after their children. */
const SPANS = 500_000;
const CALLS = new Set(['chat', 'text_completion', 'generate_content']);

function isCall(attributes: Fields): boolean {
  const operation = attributes['gen_ai.operation.name'];
  if (typeof operation === 'string') return CALLS.has(operation);
  return attributes['openinference.span.kind'] === 'LLM' || attributes['llm.request.type'] !== undefined
    || (attributes['gen_ai.request.model'] !== undefined && attributes['gen_ai.tool.name'] === undefined);
}

export function otlpReader(hasher: TextHasher, emit: EmitCall): FormatReader {
  const spans = new BoundedMap<string, { readonly parent: string; readonly agent: string | undefined }>(SPANS);
  const growing = new GrowingPrompts(hasher);

  const readSpan = (span: Fields, resource: Fields, place: LinePlace): void => {
    const trace = requiredText(span, 'traceId', place);
    const spanId = requiredText(span, 'spanId', place);
    const attributes = plainAttributes(span.attributes);
    const agentName = attributes['gen_ai.agent.name'] ?? attributes['agent.name'];
    const key = `${trace} ${spanId}`;
    spans.set(key, {
      parent: typeof span.parentSpanId === 'string' && span.parentSpanId !== '' ? `${trace} ${span.parentSpanId}` : '',
      agent: typeof agentName === 'string' && agentName !== '' ? hasher.name('agent', agentName) : undefined,
    });
    if (!isCall(attributes)) return;
    const text = (name: string): string | undefined => (typeof attributes[name] === 'string' && attributes[name] !== '' ? attributes[name] : undefined);
    const startMs = timeMs(span.startTimeUnixNano);
    const { definitions, input, output } = spanMessages(attributes, span.events);
    const session = text('gen_ai.conversation.id') ?? text('session.id') ?? trace;
    const promptTokens = count(attributes['gen_ai.usage.input_tokens'] ?? attributes['gen_ai.usage.prompt_tokens'] ?? attributes['llm.token_count.prompt']);
    const outputTokens = count(attributes['gen_ai.usage.output_tokens'] ?? attributes['gen_ai.usage.completion_tokens'] ?? attributes['llm.token_count.completion']);
    const finish = attributes['gen_ai.response.finish_reasons'];
    const service = resource['service.name'];
    const system = systemText(input);
    const lineage = `${session} ${system ?? ''}`;
    if (input.length === 0 && promptTokens === undefined) throw importFault(place, 'attributes', 'gen_ai.input.messages or gen_ai.usage.input_tokens', span.attributes);
    const prompt = input.length > 0
      ? { keep: 0, add: [...definitionRuns(hasher, definitions), ...messagesRuns(hasher, input)], out: messagesRuns(hasher, output.map((message) => ({ role: 'assistant', ...message }))) }
      : growing.next(`${session} ${String(agentName ?? '')}`, String(agentName ?? ''), promptTokens ?? 0, outputTokens ?? 0, 0);
    emit({
      session, ...(typeof service === 'string' ? { workload: hasher.name('workload', service) } : {}),
      ...(system === undefined ? {} : { agent: hasher.id('agent', system) }), agentKey: key,
      startMs, durationMs: durationMs(startMs, timeMs(span.endTimeUnixNano)),
      lineage: input.length > 0 ? `${lineage} ${spanId}` : `${session} ${String(agentName ?? '')}`, ...prompt,
      stop: knownStop(Array.isArray(finish) ? finish[0] : finish), tools: calledTools(hasher, output),
      usage: { in: promptTokens, out: outputTokens, cacheRead: count(attributes['gen_ai.usage.cache_read.input_tokens']), cacheWrite: count(attributes['gen_ai.usage.cache_creation.input_tokens']) },
    });
  };

  return {
    read(record: Fields, place) {
      const { resourceSpans } = record;
      if (!Array.isArray(resourceSpans)) {
        // Metrics and logs may share the folder.
        if (Array.isArray(record.resourceMetrics) || Array.isArray(record.resourceLogs)) return;
        throw importFault(place, 'resourceSpans', 'an array', resourceSpans);
      }
      for (const of of resourceSpans.filter(isFields)) {
        const resource = plainAttributes(isFields(of.resource) ? of.resource.attributes : undefined);
        for (const scope of Array.isArray(of.scopeSpans) ? of.scopeSpans.filter(isFields) : []) {
          for (const span of Array.isArray(scope.spans) ? scope.spans.filter(isFields) : []) readSpan(span, resource, place);
        }
      }
    },
    agentOf(key) {
      // Bounded by the depth of a trace; a chain that turns on itself ends.
      let at = spans.peek(key);
      for (let depth = 0; at !== undefined && depth < 64; depth++) {
        if (at.agent !== undefined) return at.agent;
        at = spans.peek(at.parent);
      }
      return undefined;
    },
  };
}
