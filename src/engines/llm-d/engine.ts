/** The kind `llm-d`. */
import { upstreamKind, type AnyUpstreamKind } from '../upstream/kind.ts';
import { UpstreamEngine } from '../upstream/upstream-engine.ts';
import { LlmdAdapter } from './adapter.ts';
import { llmdSettings } from './settings.ts';

export const llmd: AnyUpstreamKind = upstreamKind({
  kind: 'llm-d', summary: 'llm-d\'s gateway: fairness ids, objectives and session tokens out, its endpoint picker decides', settings: llmdSettings,
  make: (options, settings) => new UpstreamEngine(options, new LlmdAdapter(settings)),
});
