/** Reads chat completions and completions, whole or as stream chunks. */
import { countOf, fieldsOf, isFields, listOf, textOf, type Fields } from '../json-fields.ts';
import { AnswerReader, writesOf } from './answer-reader.ts';

export class ChatReader extends AnswerReader {
  read(value: unknown): void {
    if (!isFields(value)) return;
    // The second form is that of older vLLMs.
    if (isFields(value.error) || value.object === 'error') this.failed = true;
    if (isFields(value.usage)) this.readUsage(value.usage);
    for (const choice of listOf(value.choices)) if (isFields(choice)) this.readChoice(choice);
  }

  textAlone(value: unknown): string | undefined {
    if (!isFields(value) || isFields(value.error) || isFields(value.usage)) return undefined;
    const [choice, ...others] = listOf(value.choices);
    if (others.length > 0 || !isFields(choice) || countOf(choice.index) !== 0 || typeof choice.finish_reason === 'string') return undefined;
    if (!isFields(choice.delta)) return isFields(choice.message) || typeof choice.text !== 'string' ? undefined : choice.text;
    const { content, tool_calls: toolCalls, reasoning_content: thought, reasoning, refusal } = choice.delta;
    const alone = typeof content === 'string' && choice.text === undefined && listOf(toolCalls).length === 0 && textOf(thought ?? reasoning ?? refusal) === '';
    return alone ? content : undefined;
  }

  private readUsage(usage: Fields): void {
    const { cached_tokens: cached, cache_write_tokens: written } = fieldsOf(usage.prompt_tokens_details);
    this.usage = { promptTokens: countOf(usage.prompt_tokens), cachedTokens: countOf(cached), outputTokens: countOf(usage.completion_tokens), ...writesOf(countOf(written)) };
  }

  private readChoice(choice: Fields): void {
    const index = countOf(choice.index);
    const delta = isFields(choice.delta) ? choice.delta : fieldsOf(choice.message);
    const text = typeof choice.text === 'string' ? choice.text : textOf(delta.content);
    const hidden = textOf(delta.reasoning_content ?? delta.reasoning ?? delta.refusal);
    const toolCalls = listOf(delta.tool_calls);
    if (text !== '' || hidden !== '' || toolCalls.length > 0) this.contentCame();
    if (index === 0) this.append(text);
    toolCalls.forEach((call, position) => {
      if (!isFields(call)) return;
      const { name, arguments: piece } = fieldsOf(call.function);
      this.addToCall(`${index}/${typeof call.index === 'number' ? call.index : position}`, { id: call.id, name, arguments: piece });
    });
    if (typeof choice.finish_reason !== 'string') return;
    if (index === 0) this.stop = choice.finish_reason;
    this.announce(`${index}/`);
  }
}
