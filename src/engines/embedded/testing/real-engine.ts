/** For tests: the real engine with a small synthetic model. Installs it when it is missing. */
import { EntresolError } from '../../../core/index.ts';
import { cacheDirectory } from '../cache-directory.ts';
import { installEngine } from '../install.ts';
import { LlamaTokenEngine, type LlamaOptions } from '../llama-token-engine.ts';
import { locateEngine } from '../locate.ts';
import { TINY_SHAPE } from '../synthetic-model/shape.ts';
import { ensureSyntheticModel } from '../synthetic-model/synthetic-model.ts';

export interface RealEngine {
  readonly library: string;
  readonly modelPath: string;
}

/** Undefined, said loudly, where no engine can be had: on a platform without a binary, or without a registry to install it from. */
export async function realEngine(): Promise<RealEngine | undefined> {
  try {
    await installEngine({ progress: (line) => { process.stderr.write(`${line}\n`); } });
  } catch (error) {
    const code = error instanceof EntresolError ? error.code : undefined;
    if (code !== 'ENT_ENGINE_UNSUPPORTED_PLATFORM' && code !== 'ENT_ENGINE_INSTALL_FAILED' && code !== 'ENT_ENGINE_MISSING') throw error;
    process.stderr.write(`\n*** SKIPPED: all tests of the embedded engine, for there is none here: ${String(error)}\n\n`);
    return undefined;
  }
  const { path } = await ensureSyntheticModel(TINY_SHAPE, cacheDirectory());
  return { library: locateEngine(), modelPath: path };
}

export async function startTiny(engine: RealEngine, options: Partial<LlamaOptions> = {}): Promise<LlamaTokenEngine> {
  return LlamaTokenEngine.start({ ...engine, sequences: 3, contextTokens: 1024, ...options });
}

/** Some tokens of the synthetic vocabulary, the same for the same seed: none of them a mark or a byte. */
export function someTokens(count: number, seed = 1): Int32Array {
  return Int32Array.from({ length: count }, (_, index) => 300 + (((index + 1) * 7919 + seed * 104_729) % 9000));
}
