/** A call's prompt once more, for one token: it computes what of the prompt is not in the cache, and leaves it there. */
import { randomUUID } from 'node:crypto';
import { setMember, type Dialect } from '../../core/index.ts';
import { editBody } from './call-edit.ts';
import type { KeptCall } from './kept-calls.ts';
import { isFields } from './side-channel/messages.ts';

/** vLLM serves the smallest first: after every call of a client's. */
const LAST_PRIORITY = 2 ** 31 - 1;

/** It takes none of 0. */
const LENGTH: Partial<Record<Dialect, readonly string[]>> = { chat: ['max_completion_tokens', 'max_tokens'], completions: ['max_tokens'], messages: ['max_tokens'], responses: ['max_output_tokens'] };

/** What would make more of it than one token of one answer, or cannot stand beside that. */
const NEUTRAL: Readonly<Record<string, string>> = {
  stream: 'false', stream_options: 'null', background: 'false', n: '1', best_of: '1', min_tokens: '0', echo: 'false', use_beam_search: 'false',
  // With these vLLM computes the whole prompt anew.
  prompt_logprobs: 'null',
};

export const isWarmable = (dialect: Dialect | 'other'): dialect is Dialect => dialect !== 'other' && LENGTH[dialect] !== undefined;

/**
 * All that the prompt is made of stays as it came: messages, tools, template, model, salt.
 * @param ordered the server orders its queue by priority
 * @returns undefined for a body that is no JSON object
 */
export function oneToken({ dialect, body }: KeptCall, ordered: boolean): Buffer | undefined {
  const parsed: unknown = JSON.parse(body.toString('utf8'));
  if (!isFields(parsed)) return undefined;
  // Without a tag: it is no call that policies are told of.
  let edited = editBody(body, parsed, undefined, true);
  for (const name of LENGTH[dialect] ?? []) edited = setMember(edited, parsed, name, '1');
  for (const [name, value] of Object.entries(NEUTRAL)) if (Object.hasOwn(parsed, name)) edited = setMember(edited, parsed, name, value);
  // The server would keep it for later ones to go on from.
  if (dialect === 'responses') edited = setMember(edited, parsed, 'store', 'false');
  if (Object.hasOwn(parsed, 'request_id')) edited = setMember(edited, parsed, 'request_id', JSON.stringify(randomUUID()));
  return ordered ? setMember(edited, parsed, 'priority', `${LAST_PRIORITY}`) : edited;
}
