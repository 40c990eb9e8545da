/** Reads Anthropic's Messages, whole or as stream events. */
import { countOf, fieldsOf, isFields, listOf, textOf, type Fields } from '../json-fields.ts';
import { AnswerReader, writesOf } from './answer-reader.ts';

const STOPS: Readonly<Record<string, string>> = { end_turn: 'stop', stop_sequence: 'stop', max_tokens: 'length', model_context_window_exceeded: 'length', tool_use: 'tool_calls', refusal: 'content_filter' };

const INPUT_COUNTS = ['input_tokens', 'cache_creation_input_tokens', 'cache_read_input_tokens', 'output_tokens'] as const;

export class MessagesReader extends AnswerReader {
  /** A stream tells the prompt's counts at its start and the output's at its end. */
  private readonly counts = new Map<string, number>();

  read(value: unknown): void {
    if (!isFields(value)) return;
    switch (value.type) {
      case 'error': this.failed = true; break;
      case 'message': this.readMessage(value); break;
      case 'message_start': this.readMessage(fieldsOf(value.message)); break;
      case 'content_block_start': this.readBlock(countOf(value.index), fieldsOf(value.content_block), false); break;
      case 'content_block_delta': this.readDelta(countOf(value.index), fieldsOf(value.delta)); break;
      case 'content_block_stop': this.closeBlock(countOf(value.index)); break;
      case 'message_delta':
        this.readUsage(value.usage);
        this.readStop(fieldsOf(value.delta).stop_reason);
        break;
    }
  }

  textAlone(value: unknown): string | undefined {
    if (!isFields(value) || value.type !== 'content_block_delta') return undefined;
    const { type, text, thinking } = fieldsOf(value.delta);
    return type === 'text_delta' && typeof text === 'string' && textOf(thinking) === '' ? text : undefined;
  }

  private readMessage(message: Fields): void {
    this.readUsage(message.usage);
    listOf(message.content).forEach((block, index) => {
      if (!isFields(block)) return;
      this.readBlock(index, block, true);
      this.closeBlock(index);
    });
    this.readStop(message.stop_reason);
  }

  private readStop(reason: unknown): void {
    if (typeof reason === 'string') this.stop = STOPS[reason] ?? reason;
  }

  private readUsage(usage: unknown): void {
    if (!isFields(usage)) return;
    for (const name of INPUT_COUNTS) if (typeof usage[name] === 'number') this.counts.set(name, countOf(usage[name]));
    const { ephemeral_1h_input_tokens: hour } = fieldsOf(usage.cache_creation);
    if (typeof hour === 'number') this.counts.set('hour', countOf(hour));
    const [uncached, written, cached, output] = INPUT_COUNTS.map((name) => this.counts.get(name) ?? 0);
    this.usage = { promptTokens: uncached + written + cached, cachedTokens: cached, outputTokens: output, ...writesOf(written, this.counts.get('hour')) };
  }

  /** @param whole the block is all there; at a stream's start its input is an empty object that pieces will fill */
  private readBlock(index: number, block: Fields, whole: boolean): void {
    if (block.type === 'tool_use') {
      this.contentCame();
      this.addToCall(`${index}/`, { id: block.id, name: block.name, ...(whole ? { arguments: JSON.stringify(block.input ?? {}) } : {}) });
    } else this.readPiece(block);
  }

  private readDelta(index: number, delta: Fields): void {
    if (delta.type === 'input_json_delta') this.addToCall(`${index}/`, { arguments: delta.partial_json });
    else this.readPiece(delta);
  }

  private readPiece(piece: Fields): void {
    const text = textOf(piece.text);
    if (text !== '' || textOf(piece.thinking) !== '') this.contentCame();
    this.append(text);
  }

  private closeBlock(index: number): void {
    const key = `${index}/`;
    // A call without arguments streams none; its client sends it back with an empty object.
    if (this.isCall(key) && !this.hasArguments(key)) this.addToCall(key, { arguments: '{}' });
    this.announce(key);
  }
}
