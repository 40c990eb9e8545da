import type { Dialect } from '../../core/index.ts';
import type { UpstreamAdapter } from '../upstream/adapter.ts';
import { HostedAdapter } from './hosted-cache.ts';
import { HOSTED_FACTS } from './hosted-facts.ts';

export type OpenAiKind = 'openai' | 'anthropic' | 'openai-compatible';

/** What servers that speak chat completions may or may not have besides: they are asked. */
const UNCERTAIN: ReadonlySet<Dialect> = new Set(['responses', 'messages']);

/**
 * Servers of one's own (uvicorn, by default) close an idle connection after 5 s and do not say so: ours go first.
 */
export const OWN_KEEP_ALIVE_MS = 4000;

const COMPATIBLE: UpstreamAdapter = { kind: 'openai-compatible', dialects: ['chat', 'completions', 'responses', 'messages', 'embeddings'], uncertain: UNCERTAIN, hosted: false, credentialHeader: 'authorization', keepAliveMs: OWN_KEEP_ALIVE_MS };

export const adapterOf = (kind: OpenAiKind): UpstreamAdapter => (kind === 'openai-compatible' ? COMPATIBLE : new HostedAdapter(HOSTED_FACTS[kind]));
