/** What every engine needs of a request; the rest is the engine's to judge, in its own words. */
import { EntresolError, type Dialect } from '../core/index.ts';
import type { JsonObject } from './body.ts';

const bad = (at: string, why: string): EntresolError => new EntresolError('ENT_BAD_REQUEST', `${at} ${why}.`, { at });

/** @throws EntresolError `ENT_BAD_REQUEST` naming the field */
export function validateRequest(body: JsonObject, dialect: Dialect): void {
  if (body.model !== undefined && typeof body.model !== 'string') throw bad('model', 'must be a string');
  if (body.stream !== undefined && body.stream !== null && typeof body.stream !== 'boolean') throw bad('stream', 'must be true or false');
  if (dialect === 'chat' || dialect === 'messages') validateMessages(body.messages);
  if (dialect === 'completions' && typeof body.prompt !== 'string' && !Array.isArray(body.prompt)) throw bad('prompt', 'must be a string or an array');
  // Absent where the conversation lies at the server, which then finds it by an id.
  if (dialect === 'responses' && body.input !== undefined && body.input !== null && typeof body.input !== 'string' && !Array.isArray(body.input)) throw bad('input', 'must be a string or an array');
  if (body.tools !== undefined && body.tools !== null && !Array.isArray(body.tools)) throw bad('tools', 'must be an array');
}

function validateMessages(messages: unknown): void {
  if (!Array.isArray(messages)) throw bad('messages', 'must be an array');
  (messages as readonly unknown[]).forEach((message, index) => {
    if (typeof message !== 'object' || message === null || Array.isArray(message)) throw bad(`messages[${index}]`, 'must be an object');
    if (typeof (message as { role?: unknown }).role !== 'string') throw bad(`messages[${index}].role`, 'must be a string');
  });
}
