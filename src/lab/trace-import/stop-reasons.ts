/** Stop reasons of all providers; what a source writes beside them is text, and stays out. */
const KNOWN = new Set([
  'stop', 'length', 'tool_calls', 'function_call', 'content_filter', 'end_turn', 'max_tokens', 'stop_sequence', 'tool_use', 'pause_turn', 'refusal',
  'model_context_window_exceeded', 'completed', 'incomplete', 'failed', 'error', 'cancelled', 'eos', 'abort', 'tool_call',
]);

export function knownStop(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const lower = value.toLowerCase();
  return KNOWN.has(lower) ? lower : 'other';
}
