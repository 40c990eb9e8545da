import type { Dialect } from '../../core/index.ts';
import type { UpstreamAdapter } from '../upstream/adapter.ts';

export type OpenAiKind = 'openai' | 'anthropic' | 'openai-compatible';

/** What servers that speak chat completions may or may not have besides: they are asked. */
const UNCERTAIN: ReadonlySet<Dialect> = new Set(['responses', 'messages']);

/**
 * Servers of one's own (uvicorn, by default) close an idle connection after 5 s and do not say so: ours go first.
 * Hosted APIs keep theirs for minutes, and a new TLS connection costs a call tens of milliseconds.
 */
export const OWN_KEEP_ALIVE_MS = 4000;
const HOSTED_KEEP_ALIVE_MS = 60_000;

export const OPENAI_ADAPTERS: Readonly<Record<OpenAiKind, UpstreamAdapter>> = {
  openai: { kind: 'openai', dialects: ['chat', 'completions', 'responses', 'embeddings'], hosted: true, credentialHeader: 'authorization', keepAliveMs: HOSTED_KEEP_ALIVE_MS },
  anthropic: { kind: 'anthropic', dialects: ['messages'], hosted: true, credentialHeader: 'x-api-key', keepAliveMs: HOSTED_KEEP_ALIVE_MS },
  'openai-compatible': { kind: 'openai-compatible', dialects: ['chat', 'completions', 'responses', 'messages', 'embeddings'], uncertain: UNCERTAIN, hosted: false, credentialHeader: 'authorization', keepAliveMs: OWN_KEEP_ALIVE_MS },
};
