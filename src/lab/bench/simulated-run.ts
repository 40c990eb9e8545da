/** The same closed loop on a simulated engine in virtual time: minutes of load in a fraction of a second, to choose loads by. */
import { replicaId } from '../../core/index.ts';
import type { TokenCost } from '../../engines/simulated/token-cost.ts';
import { SimulatedTokenEngine } from '../../engines/simulated/token-engine.ts';
import { VirtualClock } from '../../engines/simulated/virtual-clock.ts';
import { createSlotManager, type SlotManagerKind, type SlotManagerOptions } from '../../engines/slots/create-slot-manager.ts';
import type { SlotManager } from '../../engines/slots/slot-manager.ts';
import type { PolicySetting, Runtime } from '../../runtime/index.ts';
import type { MemoryLayout } from './memory-split.ts';
import type { PlannedSession } from './planned-session.ts';
import type { CallSpan } from './utilisation.ts';
import { playPlaces, requestOf, virtualRuntime } from './virtual-play.ts';

export interface SimulatedLoad {
  readonly sessions: readonly PlannedSession[];
  readonly concurrency: number;
  readonly thinkMs: number;
  readonly rule: SlotManagerKind;
  readonly layout: MemoryLayout;
  readonly contextTokens: number;
  readonly cost: TokenCost;
  /** None by default: then the manager's own rule holds. */
  readonly policies?: readonly PolicySetting[];
  /** Further options of the slot manager. */
  readonly tuning?: Partial<SlotManagerOptions>;
  /** Stops here, or when the sessions have run out. */
  readonly untilMs: number;
}

export interface SimulatedCall extends CallSpan {
  readonly ttftMs: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
}

const REPLICA = replicaId('simulated');

class SimulatedClients {
  readonly calls: SimulatedCall[] = [];
  readonly #load: SimulatedLoad;
  readonly #clock: VirtualClock;
  readonly #runtime: Runtime;
  readonly #manager: SlotManager;

  constructor(load: SimulatedLoad, clock: VirtualClock, runtime: Runtime, manager: SlotManager) {
    this.#load = load;
    this.#clock = clock;
    this.#runtime = runtime;
    this.#manager = manager;
  }

  async play({ id, calls }: PlannedSession): Promise<void> {
    for (const [step, call] of calls.entries()) {
      if (this.#clock.nowMs() >= this.#load.untilMs) return;
      const sentAtMs = this.#clock.nowMs();
      const request = requestOf(call, { session: id, step, nowMs: sentAtMs, workload: 'simulated', model: 'simulated', stream: true });
      this.#runtime.arrive(request);
      let firstTokenAtMs: number | undefined;
      const { promptTokens, cachedTokens } = await this.#manager.submit({
        request, tokens: call.prompt,
        generate: { maxTokens: call.output.length, temperature: 0, forced: call.output, onToken: () => { firstTokenAtMs ??= this.#clock.nowMs(); } },
      });
      const endedAtMs = this.#clock.nowMs();
      this.#runtime.finish(request.id, { status: 'ok', promptTokens, cachedTokens, outputTokens: call.output.length, stop: 'stop', tools: [] });
      this.calls.push({ endedAtMs, endToEndMs: endedAtMs - sentAtMs, ttftMs: (firstTokenAtMs ?? endedAtMs) - sentAtMs, promptTokens, cachedTokens });
      await this.#clock.sleep(call.pauseUnits * this.#load.thinkMs);
    }
  }
}

export async function simulateLoad(load: SimulatedLoad): Promise<{ calls: readonly SimulatedCall[]; durationMs: number }> {
  const clock = new VirtualClock();
  const { slots, storeTokens } = load.layout;
  const tokenEngine = new SimulatedTokenEngine({ clock, sequences: slots, contextTokens: load.contextTokens, cost: load.cost });
  const runtime = virtualRuntime(clock, load.policies ?? []);
  const manager = createSlotManager({ kind: load.rule, tokenEngine, host: runtime.host(REPLICA), replica: REPLICA, slots, storeTokens, ...load.tuning });
  const clients = new SimulatedClients(load, clock, runtime, manager);
  await playPlaces(clock, load, (session) => clients.play(session));
  return { calls: clients.calls, durationMs: Math.min(load.untilMs, Math.max(...clients.calls.map((call) => call.endedAtMs), 0)) };
}
