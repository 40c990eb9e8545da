/** The kind `vllm`. */
import packageJson from '../../../package.json' with { type: 'json' };
import { upstreamKind, type AnyUpstreamKind } from '../upstream/kind.ts';
import type { UpstreamOptions } from '../upstream/options.ts';
import { UpstreamEngine } from '../upstream/upstream-engine.ts';
import { VllmAdapter } from './adapter.ts';
import type { CacheLink } from './cache-link.ts';
import type { WarmUps } from './warm-ups.ts';
import { DEFAULT_VLLM_SETTINGS, readSecret, vllmSettings, type VllmSettings } from './settings.ts';

export class VllmEngine extends UpstreamEngine {
  readonly #vllm: VllmAdapter;

  /** @throws EntresolError `ENT_USAGE` for a URL that is none, `ENT_CONFIG_INVALID` for a secret that cannot be read */
  constructor(options: UpstreamOptions, settings: VllmSettings = DEFAULT_VLLM_SETTINGS) {
    const adapter = new VllmAdapter(settings, readSecret(settings), packageJson.version);
    super(options, adapter);
    this.#vllm = adapter;
  }

  /** For tests and benches: what is known of its caches. */
  get link(): CacheLink | undefined { return this.#vllm.link; }
  /** For the bench: how many warm-ups there were, and of how many tokens. */
  get warmUpCounts(): WarmUps['counts'] | undefined { return this.#vllm.warmUpCounts; }
}

export const vllm: AnyUpstreamKind = upstreamKind({
  kind: 'vllm', summary: 'vLLM, stock or with the package entresol-vllm, which lets policies decide what its cache keeps', settings: vllmSettings,
  make: (options, settings) => new VllmEngine(options, settings),
});
