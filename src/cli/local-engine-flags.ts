import type { Engine } from '../core/index.ts';
import { EmbeddedEngine } from '../engines/embedded/engine.ts';
import { SimulatedEngine } from '../engines/simulated/engine.ts';
import type { Config } from '../config/index.ts';
import type { Options } from './parse-options.ts';

type EngineConfig = Config['engine'];

/** Flags of the engines that run within Entresol, for every command that starts one. */
export const LOCAL_ENGINE_ARGUMENTS = {
  model: { type: 'string', description: 'A GGUF file for the embedded engine; without one a synthetic model, whose text is noise' },
  slots: { type: 'string', description: 'Calls that the embedded engine runs at once (default 3)' },
  'store-tokens': { type: 'string', description: 'Size of its cache of saved states, in tokens (default 65536)' },
  'disk-tokens': { type: 'string', description: 'Size of what it keeps on disk beside that, in tokens (default 0)' },
  context: { type: 'string', description: 'Tokens that prompt and answer may have together (default 8192)' },
  threads: { type: 'string', description: 'Threads that it computes with (default 1)' },
  simulated: { type: 'boolean', description: 'The simulated engine in its place: latencies of a cost model, no computation' },
} as const;

/** The same by a configuration file. */
export function localEngineOf({ kind, model, slots, storeTokens, diskTokens, contextTokens, threads }: EngineConfig): Engine {
  const sizes = { slots, storeTokens, contextTokens };
  return kind === 'simulated' ? new SimulatedEngine(sizes) : new EmbeddedEngine({ ...sizes, diskTokens, modelPath: model, threads });
}

/** @throws EntresolError `ENT_USAGE` */
export function localEngine(options: Options): Engine {
  const positive = (name: string): number | undefined => options.number(name, { minimum: 1, integer: true });
  const sizes = { slots: positive('slots'), storeTokens: options.number('store-tokens', { minimum: 0, integer: true }), contextTokens: positive('context') };
  if (options.flag('simulated')) return new SimulatedEngine(sizes);
  return new EmbeddedEngine({ ...sizes, diskTokens: options.number('disk-tokens', { minimum: 0, integer: true }), modelPath: options.text('model'), threads: positive('threads') });
}
