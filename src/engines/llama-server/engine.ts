/** llama.cpp's server, with its slots owned here. */
import { upstreamKind } from '../upstream/kind.ts';
import type { UpstreamOptions } from '../upstream/options.ts';
import { UpstreamEngine } from '../upstream/upstream-engine.ts';
import { LlamaServerAdapter } from './adapter.ts';
import { llamaServerSettings, type LlamaServerSettings } from './settings.ts';

export class LlamaServerEngine extends UpstreamEngine {
  constructor(options: UpstreamOptions, settings: LlamaServerSettings = llamaServerSettings.parse({})) {
    super(options, new LlamaServerAdapter(settings));
  }
}

export const llamaServer = upstreamKind({
  kind: 'llama-server', summary: 'llama.cpp\'s llama-server: its slots are chosen, saved and brought back',
  settings: llamaServerSettings, make: (options, settings) => new LlamaServerEngine(options, settings),
});
