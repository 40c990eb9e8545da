/** What the engine at hand costs and how it cuts text, found once before any load is chosen. */
import { DEFAULT_TOKEN_COST, type TokenCost } from '../../engines/simulated/token-cost.ts';
import type { Engine, EngineHost, ModelInfo } from '../../core/index.ts';
import { makeEngine, type EngineChoice } from './bench-engine.ts';
import { SideClock } from './side-clock.ts';
import { fitTokenCost } from './token-cost-fit.ts';
import type { Tokenise } from './six-agents-workload.ts';

export interface Calibration {
  readonly model: ModelInfo;
  readonly cost: TokenCost;
  readonly tokenise: Tokenise;
  close(): Promise<void>;
}

/** An engine by itself, without a runtime. */
function quietHost(clock: SideClock): EngineHost {
  return { clock, emit: () => undefined, order: () => undefined, retention: () => undefined, log: () => undefined, trouble: () => undefined, warmedUp: () => undefined };
}

/** Starts the engine, measures it, and keeps it for its tokeniser until `close`. */
export async function calibrate(choice: EngineChoice, contextTokens: number): Promise<Calibration> {
  const clock = new SideClock();
  const engine: Engine & ReturnType<typeof makeEngine> = makeEngine(choice, { name: 'calibration', slots: 1, storeTokens: 0, contextTokens, slotManager: 'llama-server', clock });
  await engine.start(quietHost(clock));
  const { model } = engine.parts;
  return {
    model: model.info,
    cost: choice.kind === 'simulated' ? DEFAULT_TOKEN_COST : await fitTokenCost(model.tokenEngine, () => performance.now()),
    tokenise: async (text) => model.tokeniser.tokenise(text),
    close: () => engine.stop(0),
  };
}
