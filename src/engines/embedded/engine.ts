import { replicaId, type ReplicaId } from '../../core/index.ts';
import type { SlotManagerKind } from '../slots/create-slot-manager.ts';
import { llamaSource } from './llama-source.ts';
import { LocalEngine } from './local-engine.ts';
import type { ModelShape } from './synthetic-model/shape.ts';

export interface EmbeddedEngineOptions {
  readonly replica?: ReplicaId;
  /** A GGUF file; without one a synthetic-weights model: its text is noise, its caches and latencies are real. */
  readonly modelPath?: string;
  /** Sequences that calls run in. Default 3. */
  readonly slots?: number;
  /** Budget of saved states in host memory, in tokens. Default 65,536. */
  readonly storeTokens?: number;
  /** Budget of saved states on disk beside it, in tokens. Default 0. */
  readonly diskTokens?: number;
  /** Tokens that prompt and answer may have together. Default 8,192. */
  readonly contextTokens?: number;
  /** Default 1: one core stays for the gateway. */
  readonly threads?: number;
  /** `survival` (default): our own. `llama-server`: that server's rule, for comparison. */
  readonly slotManager?: SlotManagerKind;
  /** Accept `entresol_force` in requests. Default: of the synthetic model alone, whose own text is noise. */
  readonly teacherForcing?: boolean;
  /** Where engine and model are cached. */
  readonly cache?: string;
  /** Of the synthetic model. */
  readonly shape?: ModelShape;
}

/** llama.cpp, run by Entresol itself in a process of its own. */
export class EmbeddedEngine extends LocalEngine {
  constructor(options: EmbeddedEngineOptions = {}) {
    const { slots = 3, contextTokens = 8192, modelPath, threads, cache, shape } = options;
    super({
      replica: options.replica ?? replicaId('embedded'),
      source: llamaSource({ modelPath, sequences: slots, contextTokens, threads, cache, shape }),
      contextTokens, slots,
      storeTokens: options.storeTokens ?? 65_536,
      diskTokens: options.diskTokens,
      slotManager: options.slotManager ?? 'survival',
      teacherForcing: options.teacherForcing ?? modelPath === undefined,
    });
  }
}
