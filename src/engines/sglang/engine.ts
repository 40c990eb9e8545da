/** The kind `sglang`. */
import { upstreamKind, type AnyUpstreamKind } from '../upstream/kind.ts';
import { UpstreamEngine } from '../upstream/upstream-engine.ts';
import { SglangAdapter } from './adapter.ts';
import { sglangSettings } from './settings.ts';

export const sglang: AnyUpstreamKind = upstreamKind({
  kind: 'sglang', summary: 'SGLang: retention by classes of priority, sessions', settings: sglangSettings,
  make: (options, settings) => new UpstreamEngine(options, new SglangAdapter(settings)),
});
