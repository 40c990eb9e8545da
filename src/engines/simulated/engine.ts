import { replicaId, type ReplicaId } from '../../core/index.ts';
import { MarkedFormat } from '../embedded/dialect/marked-format.ts';
import { LocalEngine } from '../embedded/local-engine.ts';
import type { ModelSource } from '../embedded/local-model.ts';
import { marksOf } from '../embedded/synthetic-model/marks.ts';
import { PieceTokeniser } from '../embedded/synthetic-model/piece-tokeniser.ts';
import type { SlotManagerKind } from '../slots/create-slot-manager.ts';
import type { TokenCost } from './token-cost.ts';
import { SimulatedTokenEngine } from './token-engine.ts';
import type { SleepingClock } from './virtual-clock.ts';
import { WallClock } from './wall-clock.ts';

export interface SimulatedEngineOptions {
  readonly replica?: ReplicaId;
  /** Default 3. */
  readonly slots?: number;
  /** Budget of saved states, in tokens. Default 65,536. */
  readonly storeTokens?: number;
  /** Default 8,192. */
  readonly contextTokens?: number;
  readonly slotManager?: SlotManagerKind;
  /** Accept `entresol_force` in requests. Default true: its own text is noise. */
  readonly teacherForcing?: boolean;
  /** Default: real time. */
  readonly clock?: SleepingClock;
  readonly cost?: Partial<TokenCost>;
}

/** What requests and answers call it: whoever sees the model sees that it is simulated. */
export const SIMULATED_MODEL = 'entresol-simulated';
const SIMULATED_MAX_TOKENS = 128;

function simulatedSource(options: SimulatedEngineOptions, slots: number, contextTokens: number): ModelSource {
  return {
    kind: 'simulated',
    open: async () => {
      const tokeniser = new PieceTokeniser();
      return {
        info: { id: SIMULATED_MODEL, contextTokens, synthetic: true },
        tokenEngine: new SimulatedTokenEngine({ clock: options.clock ?? new WallClock(), sequences: slots, contextTokens, vocabulary: tokeniser.vocabularySize, cost: options.cost }),
        tokeniser,
        format: new MarkedFormat(tokeniser, await marksOf((text) => tokeniser.mark(text))),
        vocabularySize: tokeniser.vocabularySize,
        defaultMaxTokens: SIMULATED_MAX_TOKENS,
        healthy: () => true,
      };
    },
  };
}

/** Where no llama.cpp can be had: the same slots, store, dialect and counts, with simulated compute in its place. */
export class SimulatedEngine extends LocalEngine {
  constructor(options: SimulatedEngineOptions = {}) {
    const { slots = 3, contextTokens = 8192 } = options;
    super({
      replica: options.replica ?? replicaId('simulated'),
      source: simulatedSource(options, slots, contextTokens),
      contextTokens, slots,
      storeTokens: options.storeTokens ?? 65_536,
      slotManager: options.slotManager ?? 'survival',
      teacherForcing: options.teacherForcing ?? true,
    });
  }
}
