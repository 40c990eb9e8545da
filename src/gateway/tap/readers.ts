import type { Dialect } from '../../core/index.ts';
import type { AnswerReader, ReaderListener } from './answer-reader.ts';
import { ChatReader } from './chat-reader.ts';
import { MessagesReader } from './messages-reader.ts';
import { ResponsesReader } from './responses-reader.ts';

/** The reader of a dialect's answers. */
export function readerOf(dialect: Dialect, listener: ReaderListener): AnswerReader {
  if (dialect === 'messages') return new MessagesReader(listener);
  if (dialect === 'responses') return new ResponsesReader(listener);
  return new ChatReader(listener);
}
