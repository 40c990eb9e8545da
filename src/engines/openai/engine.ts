/**
 * Any server that speaks the dialect of OpenAI or of Anthropic, hosted or one's own: calls pass through as they came. It can be observed
 * (what the gateway's tap reads of its answers), not steered.
 */
import { upstreamKind, type AnyUpstreamKind } from '../upstream/kind.ts';
import type { UpstreamOptions } from '../upstream/options.ts';
import { UpstreamEngine } from '../upstream/upstream-engine.ts';
import { adapterOf, type OpenAiKind } from './adapter.ts';

export type { OpenAiKind } from './adapter.ts';

export interface OpenAiEngineOptions extends UpstreamOptions {
  /** `openai` and `anthropic` are hosted: no field is added to their bodies unless a policy needs it. */
  readonly kind: OpenAiKind;
}

export class OpenAiEngine extends UpstreamEngine {
  constructor({ kind, ...options }: OpenAiEngineOptions) {
    super(options, adapterOf(kind));
  }
}

const kindOf = (kind: OpenAiKind, summary: string): AnyUpstreamKind => upstreamKind({ kind, summary, make: (options) => new OpenAiEngine({ ...options, kind }) });

export const openai = kindOf('openai', 'OpenAI\'s API, hosted: chat completions, responses, embeddings');
export const anthropic = kindOf('anthropic', 'Anthropic\'s API, hosted: messages');
export const openaiCompatible = kindOf('openai-compatible', 'any server that speaks chat completions');
