/** One line per format: its name, how its records are told from others', its reader. */
import type { Fields } from '../fields.ts';
import type { EmitCall, FormatReader } from '../imported-call.ts';
import { isFields } from '../messages.ts';
import type { TextHasher } from '../text-hasher.ts';
import { claudeCodeReader } from './claude-code.ts';
import { codexReader } from './codex.ts';
import { entresolReader } from './entresol.ts';
import { litellmReader } from './litellm.ts';
import { lmcacheReader } from './lmcache.ts';
import { mooncakeReader } from './mooncake.ts';
import { openaiReader } from './openai.ts';
import { otlpReader } from './otlp.ts';

export interface TraceFormat {
  readonly name: string;
  /** Whether a record is of this format; the first format in the list that says so has it. */
  matches(record: Fields): boolean;
  open(hasher: TextHasher, emit: EmitCall): FormatReader;
}

const has = (...fields: string[]) => (record: Fields): boolean => fields.every((field) => record[field] !== undefined);

export const FORMATS: readonly TraceFormat[] = [
  { name: 'otlp', matches: (record) => ['resourceSpans', 'resourceMetrics', 'resourceLogs'].some((field) => Array.isArray(record[field])), open: otlpReader },
  { name: 'mooncake', matches: has('hash_ids', 'input_length'), open: mooncakeReader },
  { name: 'codex', matches: (record) => isFields(record.payload) && typeof record.type === 'string', open: codexReader },
  { name: 'claude-code', matches: (record) => typeof record.type === 'string' && (typeof record.sessionId === 'string' || record.type === 'summary' || record.type === 'file-history-snapshot'), open: claudeCodeReader },
  { name: 'entresol', matches: has('request', 'identity', 'decisions'), open: entresolReader },
  { name: 'litellm', matches: (record) => isFields(record.standard_logging_object) || (typeof record.call_type === 'string' && record.startTime !== undefined), open: litellmReader },
  { name: 'lmcache', matches: (record) => typeof record.session_id === 'string' && record.input !== undefined && (typeof record.output === 'string' || record.output_length !== undefined), open: lmcacheReader },
  { name: 'openai', matches: (record) => ['messages', 'input', 'prompt', 'request', 'body', 'kwargs'].some((field) => record[field] !== undefined), open: openaiReader },
];
