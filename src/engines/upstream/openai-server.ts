import type { Dialect } from '../../core/index.ts';

/** What servers of one's own that speak OpenAI's dialects, and by now other vendors' too, are like. */
export abstract class OpenAiServer {
  readonly dialects: readonly Dialect[] = ['chat', 'completions', 'responses', 'messages', 'embeddings'];
  readonly uncertain: ReadonlySet<Dialect> = new Set(['responses', 'messages']);
  readonly hosted = false;
  readonly credentialHeader = 'authorization';
  /** uvicorn and its like close an idle connection after 5 s and do not say so. */
  readonly keepAliveMs = 4000;
}
