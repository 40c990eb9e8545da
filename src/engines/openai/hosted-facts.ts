/** Hosted APIs keep idle connections for minutes, and a new TLS connection costs a call tens of milliseconds. */
const HOSTED_KEEP_ALIVE_MS = 60_000;

export const HOSTED_FACTS = {
  openai: { kind: 'openai', dialects: ['chat', 'completions', 'responses', 'embeddings'], credentialHeader: 'authorization', keepAliveMs: HOSTED_KEEP_ALIVE_MS },
  anthropic: { kind: 'anthropic', dialects: ['messages'], credentialHeader: 'x-api-key', keepAliveMs: HOSTED_KEEP_ALIVE_MS },
} as const;

export type HostedFacts = (typeof HOSTED_FACTS)[keyof typeof HOSTED_FACTS];
