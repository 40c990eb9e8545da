/** What every engine needs of a request; the rest is the engine's to judge, in its own words. */
import { EntresolError, type Dialect, type Outline } from '../core/index.ts';

const bad = (at: string, why: string): EntresolError => new EntresolError('ENT_BAD_REQUEST', `${at} ${why}.`, { at });

/** @throws EntresolError `ENT_BAD_REQUEST` naming the field */
export function validateRequest(body: Outline, dialect: Dialect): void {
  const is = (name: string, ...types: readonly ReturnType<Outline['typeOf']>[]): boolean => types.includes(body.typeOf(name));
  if (!is('model', undefined, 'string')) throw bad('model', 'must be a string');
  if (!is('stream', undefined, 'null') && typeof body.value('stream') !== 'boolean') throw bad('stream', 'must be true or false');
  if (dialect === 'chat' || dialect === 'messages') validateMessages(body);
  if (dialect === 'completions' && !is('prompt', 'string', 'array')) throw bad('prompt', 'must be a string or an array');
  // Absent where the conversation lies at the server, which then finds it by an id.
  if (dialect === 'responses' && !is('input', undefined, 'null', 'string', 'array')) throw bad('input', 'must be a string or an array');
  if (!is('tools', undefined, 'null', 'array')) throw bad('tools', 'must be an array');
}

function validateMessages(body: Outline): void {
  if (body.typeOf('messages') !== 'array') throw bad('messages', 'must be an array');
  const { flaw } = body;
  if (flaw?.what === 'no object') throw bad(`messages[${flaw.message}]`, 'must be an object');
  if (flaw?.what === 'no role') throw bad(`messages[${flaw.message}].role`, 'must be a string');
}
