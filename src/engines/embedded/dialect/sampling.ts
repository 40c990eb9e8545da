import { arrayOf, badField, booleanOf, integerFrom, isObject, numberWithin, objectOf, optional, refuseUnless, stringOf, type JsonObject } from '../../../core/fields.ts';
import { forcedAnswer, type ForcedAnswer } from './forced-answer.ts';

/** What the chat and completions dialects have in common. */
export interface SamplingOptions {
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly maxTokens?: number;
  readonly temperature: number;
  readonly topP: number;
  readonly seed?: number;
  readonly stop: readonly string[];
  readonly forced?: ForcedAnswer;
}

/** As the OpenAI interface has it. */
const DEFAULT_TEMPERATURE = 1;
const MAX_STOPS = 4;
const MAX_STOP_CHARACTERS = 256;

function stopStrings(value: unknown, at: string): readonly string[] {
  const stops = typeof value === 'string' ? [value] : arrayOf(value, at).map((stop, index) => stringOf(stop, `${at}[${index}]`));
  if (stops.length > MAX_STOPS) throw badField(at, `may name at most ${MAX_STOPS} sequences`);
  for (const stop of stops) if (stop === '' || stop.length > MAX_STOP_CHARACTERS) throw badField(at, `must have 1 to ${MAX_STOP_CHARACTERS} characters each`);
  return stops;
}

function isEmpty(value: unknown): boolean {
  return isObject(value) && Object.keys(value).length === 0;
}

/** @throws EntresolError `ENT_BAD_REQUEST` naming the field */
export function readSampling(body: JsonObject, teacherForcing: boolean): SamplingOptions {
  refuseUnless(body, 'n', (value) => value === 1);
  refuseUnless(body, 'logit_bias', isEmpty);
  refuseUnless(body, 'frequency_penalty', (value) => value === 0);
  refuseUnless(body, 'presence_penalty', (value) => value === 0);
  const stream = optional(body, 'stream', booleanOf) ?? false;
  const streamOptions = optional(body, 'stream_options', objectOf);
  if (streamOptions !== undefined && !stream) throw badField('stream_options', 'needs stream: true');
  return {
    model: stringOf(body.model, 'model'),
    stream,
    includeUsage: streamOptions === undefined ? false : (optional(streamOptions, 'include_usage', booleanOf, 'stream_options.include_usage') ?? false),
    maxTokens: optional(body, 'max_completion_tokens', integerFrom(1)) ?? optional(body, 'max_tokens', integerFrom(1)),
    temperature: optional(body, 'temperature', numberWithin(0, 2)) ?? DEFAULT_TEMPERATURE,
    topP: optional(body, 'top_p', numberWithin(0, 1)) ?? 1,
    seed: optional(body, 'seed', integerFrom(Number.MIN_SAFE_INTEGER)),
    stop: optional(body, 'stop', stopStrings) ?? [],
    forced: optional(body, 'entresol_force', (value, at) => forcedAnswer(value, at, teacherForcing)),
  };
}
