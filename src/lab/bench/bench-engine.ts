/** Which engine a bench runs on, and how to make one of a given layout. */
import { EntresolError, replicaId, type Engine } from '../../core/index.ts';
import { EmbeddedEngine } from '../../engines/embedded/engine.ts';
import { locateEngine } from '../../engines/embedded/locate.ts';
import type { LocalEngine } from '../../engines/embedded/local-engine.ts';
import { SimulatedEngine } from '../../engines/simulated/engine.ts';
import type { TokenCost } from '../../engines/simulated/token-cost.ts';
import type { SleepingClock } from '../../engines/simulated/virtual-clock.ts';
import type { SlotManagerKind } from '../../engines/slots/create-slot-manager.ts';
import type { MemoryLayout } from './memory-split.ts';

export interface EngineChoice {
  readonly kind: 'embedded' | 'simulated';
  /** A GGUF file in place of the synthetic model. */
  readonly modelPath?: string;
  readonly threads: number;
  /** Why it is the simulated one. */
  readonly because?: string;
}

/** The embedded engine where it is installed, else the simulated one, with the reason. */
export function chooseEngine(options: { readonly modelPath?: string; readonly threads: number }): EngineChoice {
  try {
    locateEngine();
    return { kind: 'embedded', ...options };
  } catch (error) {
    if (!(error instanceof EntresolError)) throw error;
    return { kind: 'simulated', threads: options.threads, because: error.describe() };
  }
}

export interface EngineLayout extends MemoryLayout {
  readonly name: string;
  readonly contextTokens: number;
  readonly slotManager: SlotManagerKind;
  /** For the simulated engine. */
  readonly clock: SleepingClock;
  readonly cost?: TokenCost;
}

export function makeEngine(choice: EngineChoice, layout: EngineLayout): LocalEngine & Engine {
  const { slots, storeTokens, contextTokens, slotManager } = layout;
  const common = { replica: replicaId(layout.name), slots, storeTokens, contextTokens, slotManager, teacherForcing: true };
  if (choice.kind === 'simulated') return new SimulatedEngine({ ...common, clock: layout.clock, ...(layout.cost === undefined ? {} : { cost: layout.cost }) });
  return new EmbeddedEngine({ ...common, threads: choice.threads, ...(choice.modelPath === undefined ? {} : { modelPath: choice.modelPath }) });
}
