import type { TemplateMessage } from '../protocol.ts';
import type { ChatHistoryItem, FunctionCall } from './llama-library.ts';

function parsedOrText(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch (error) {
    // A client may send back a call whose arguments were cut off: the template shows them as they are.
    if (error instanceof SyntaxError) return json;
    throw error;
  }
}

/**
 * A conversation as node-llama-cpp's templates take it: results of tools stand within the answer that called them,
 * and what the model says next continues that answer. Ends with the answer that is to be given.
 */
export function chatHistory(messages: readonly TemplateMessage[]): ChatHistoryItem[] {
  const history: ChatHistoryItem[] = [];
  const calls = new Map<string, FunctionCall>();
  const answering = (): (string | FunctionCall)[] => {
    const last = history[history.length - 1];
    if (last?.type === 'model') return last.response;
    const response: (string | FunctionCall)[] = [];
    history.push({ type: 'model', response });
    return response;
  };
  for (const message of messages) {
    switch (message.role) {
      case 'system':
      case 'user': history.push({ type: message.role, text: message.text }); break;
      case 'assistant': {
        const response = answering();
        if (message.text !== '') response.push(message.text);
        for (const { id, name, argumentsJson } of message.toolCalls) {
          const call: FunctionCall = { type: 'functionCall', name, params: parsedOrText(argumentsJson), result: undefined };
          calls.set(id, call);
          response.push(call);
        }
        break;
      }
      case 'tool': {
        const call = calls.get(message.toolCallId);
        if (call !== undefined) call.result = message.text;
        // A result of a call that is not in the conversation any more (a client has cut it) is still to be read.
        else history.push({ type: 'user', text: message.text });
      }
    }
  }
  answering();
  return history;
}
