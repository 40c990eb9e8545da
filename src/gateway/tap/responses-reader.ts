/** Reads answers of OpenAI's Responses, whole or as stream events. */
import { countOf, fieldsOf, isFields, listOf, textOf, type Fields } from '../json-fields.ts';
import { AnswerReader, writesOf } from './answer-reader.ts';

const REASONING_DELTAS = new Set(['response.reasoning_text.delta', 'response.reasoning_summary_text.delta', 'response.refusal.delta']);
const ARGUMENT_DELTAS = new Set(['response.function_call_arguments.delta', 'response.custom_tool_call_input.delta']);

export class ResponsesReader extends AnswerReader {
  read(value: unknown): void {
    if (!isFields(value)) return;
    if (value.object === 'response') {
      this.readItems(listOf(value.output));
      this.readResponse(value);
      return;
    }
    const type = textOf(value.type);
    if (type === 'error') this.failed = true;
    else if (type === 'response.output_text.delta') this.readText(textOf(value.delta));
    else if (REASONING_DELTAS.has(type)) this.contentCame();
    else if (ARGUMENT_DELTAS.has(type)) this.addToCall(this.keyOf(value), { arguments: value.delta });
    else if (type === 'response.output_item.added') this.openItem(this.keyOf(value), fieldsOf(value.item));
    else if (type === 'response.output_item.done') this.closeItem(this.keyOf(value), fieldsOf(value.item));
    else if (type === 'response.completed' || type === 'response.incomplete' || type === 'response.failed') this.readResponse(fieldsOf(value.response));
  }

  textAlone(value: unknown): string | undefined {
    return isFields(value) && value.type === 'response.output_text.delta' && typeof value.delta === 'string' ? value.delta : undefined;
  }

  private keyOf(event: Fields): string {
    return `${countOf(event.output_index)}/`;
  }

  private readItems(items: readonly unknown[]): void {
    items.forEach((item, index) => {
      if (!isFields(item)) return;
      this.openItem(`${index}/`, item);
      this.closeItem(`${index}/`, item);
      if (item.type === 'message') for (const part of listOf(item.content)) if (isFields(part)) this.readText(textOf(part.text));
    });
  }

  private openItem(key: string, item: Fields): void {
    if (item.type !== 'function_call' && item.type !== 'custom_tool_call') return;
    this.contentCame();
    this.addToCall(key, { id: item.call_id, name: item.name });
  }

  private closeItem(key: string, item: Fields): void {
    if (!this.isCall(key)) return;
    if (!this.hasArguments(key)) this.addToCall(key, { arguments: item.arguments ?? item.input });
    this.announce(key);
  }

  private readResponse(response: Fields): void {
    const id = textOf(response.id);
    if (id !== '') this.responseId = id;
    if (response.status === 'failed' || isFields(response.error)) this.failed = true;
    if (isFields(response.usage)) {
      const { usage } = response;
      const { cached_tokens: cached, cache_write_tokens: written } = fieldsOf(usage.input_tokens_details);
      this.usage = { promptTokens: countOf(usage.input_tokens), cachedTokens: countOf(cached), outputTokens: countOf(usage.output_tokens), ...writesOf(countOf(written)) };
    }
    if (response.status === 'completed') this.stop = this.toolCalls.length > 0 ? 'tool_calls' : 'stop';
    if (response.status !== 'incomplete') return;
    const reason = textOf(fieldsOf(response.incomplete_details).reason);
    this.stop = reason === 'max_output_tokens' ? 'length' : reason;
  }
}
