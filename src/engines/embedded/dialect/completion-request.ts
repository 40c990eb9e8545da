/** A completion request (the older, plain-text dialect), checked and in our own words. */
import { badField, integerFrom, refuseUnless, stringOf, type JsonObject } from '../../../core/fields.ts';
import { readSampling, type SamplingOptions } from './sampling.ts';

export interface CompletionRequest extends SamplingOptions {
  /** Text, or tokens of this model. */
  readonly prompt: string | Int32Array;
}

/** As the OpenAI interface has it for this dialect. */
const DEFAULT_MAX_TOKENS = 16;

function promptOf(prompt: unknown, vocabularySize: number): string | Int32Array {
  if (!Array.isArray(prompt)) return stringOf(prompt, 'prompt');
  if (prompt.length === 0) throw badField('prompt', 'must not be empty');
  if (typeof prompt[0] === 'string' || Array.isArray(prompt[0])) {
    if (prompt.length > 1) throw badField('prompt', 'must be one prompt: this engine answers one at a time');
    return promptOf(prompt[0], vocabularySize);
  }
  return Int32Array.from(prompt, (token: unknown, index) => {
    const id = integerFrom(0)(token, `prompt[${index}]`);
    if (id >= vocabularySize) throw badField(`prompt[${index}]`, `must be a token below ${vocabularySize}`);
    return id;
  });
}

/** @throws EntresolError `ENT_BAD_REQUEST` naming the field */
export function readCompletionRequest(body: JsonObject, teacherForcing: boolean, vocabularySize: number): CompletionRequest {
  refuseUnless(body, 'logprobs', () => false);
  refuseUnless(body, 'echo', (value) => value === false);
  refuseUnless(body, 'best_of', (value) => value === 1);
  refuseUnless(body, 'suffix', (value) => value === '');
  const prompt = promptOf(body.prompt, vocabularySize);
  if (prompt.length === 0) throw badField('prompt', 'must not be empty');
  const sampling = readSampling(body, teacherForcing);
  return { ...sampling, maxTokens: sampling.maxTokens ?? DEFAULT_MAX_TOKENS, prompt };
}
