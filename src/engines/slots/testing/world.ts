/** A slot manager over a simulated engine on a virtual clock, with everything that tests look at. */
import { agentId, instanceId, replicaId, requestId, sessionId, tenantId, workloadId } from '../../../core/index.ts';
import type { EngineHost, Event, RequestView, RetentionIndex, TenantId } from '../../../core/index.ts';
import { SimulatedTokenEngine } from '../../simulated/token-engine.ts';
import { VirtualClock } from '../../simulated/virtual-clock.ts';
import { createSlotManager, type SlotManagerOptions } from '../create-slot-manager.ts';
import type { SlotJob, SlotManager } from '../slot-manager.ts';
import type { GenerateOptions } from '../token-engine.ts';

export interface WorldOptions extends Partial<Omit<SlotManagerOptions, 'tokenEngine' | 'host'>> {
  readonly contextTokens?: number;
  readonly retention?: (tenant: TenantId) => RetentionIndex | undefined;
  readonly order?: EngineHost['order'];
}

export interface World {
  readonly clock: VirtualClock;
  readonly engine: SimulatedTokenEngine;
  readonly manager: SlotManager;
  readonly host: EngineHost;
  readonly events: Event[];
}

export function makeWorld(options: WorldOptions = {}): World {
  const clock = new VirtualClock();
  const slots = options.slots ?? 3;
  const engine = new SimulatedTokenEngine({ clock, sequences: slots, contextTokens: options.contextTokens ?? 512, batchTokens: 64 });
  const events: Event[] = [];
  const host: EngineHost = {
    clock,
    emit: (event) => { events.push(event); },
    order: (waiting) => options.order?.(waiting),
    retention: (tenant) => options.retention?.(tenant),
    log: () => {},
    trouble: () => {},
    warmedUp: () => {},
  };
  const manager = createSlotManager({
    kind: 'survival', slots, storeTokens: 800, replica: replicaId('test'), ...options, tokenEngine: engine, host,
  });
  return { clock, engine, manager, host, events };
}

export interface Who { readonly tenant?: string; readonly session?: string; readonly agent?: string }

let requests = 0;

export function makeJob(tokens: Int32Array, who: Who = {}, generate: Partial<GenerateOptions> = {}): SlotJob {
  const { tenant = 'local', session = 's0', agent = 'a0' } = who;
  const request: RequestView = {
    id: requestId(`r${requests++}`),
    by: { tenant: tenantId(tenant), workload: workloadId('w'), session: sessionId(session), agent: agentId(agent), instance: instanceId(agent), step: 0 },
    model: 'simulated', arrivedAtMs: 0, promptTokens: tokens.length, promptTokensExact: true, residentTokens: 0, tools: [], stream: false, final: false,
  };
  return { request, tokens, generate: { maxTokens: 4, temperature: 0, onToken: () => {}, ...generate } };
}

/** Tokens that depend on the name only: equal names share them. */
export function tokensOf(name: string, length: number): Int32Array {
  let state = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) state = Math.imul(state ^ name.charCodeAt(at), 0x01000193);
  return Int32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state >>> 19;
  });
}

export function joined(...parts: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** What an engine that never saw anything else answers. */
export async function freshOutput(job: SlotJob, contextTokens = 512): Promise<Int32Array> {
  const clock = new VirtualClock();
  const engine = new SimulatedTokenEngine({ clock, sequences: 1, contextTokens });
  const maxTokens = Math.min(job.generate.maxTokens, contextTokens - job.tokens.length);
  const result = await clock.runUntil(engine.generate(0, job.tokens, { ...job.generate, maxTokens, signal: undefined, onToken: () => {} }));
  return result.output;
}
