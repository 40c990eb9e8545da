/** The members of the family behind one call. */
import { EntresolError, type EngineHost, type ReplicaId } from '../../core/index.ts';
import { LlamaServerRule } from './llama-server-rule/rule.ts';
import type { SlotManager } from './slot-manager.ts';
import { SlotRunner } from './slot-runner.ts';
import { SurvivalRule } from './survival/rule.ts';
import type { SequenceEngine } from './token-engine.ts';

/**
 * `survival`: our own; what stays is the retention index's choice (`host.retention`), LRU where none is in force.
 * `llama-server`: the rule of llama.cpp's server, the baseline.
 */
export type SlotManagerKind = 'survival' | 'llama-server';

export interface SlotManagerOptions {
  readonly kind: SlotManagerKind;
  readonly tokenEngine: SequenceEngine;
  readonly host: EngineHost;
  readonly replica: ReplicaId;
  /** Sequences of the engine to use as slots. Memory in tokens: slots × context + storeTokens (+ diskTokens). */
  readonly slots: number;
  /** Budget of saved states in host memory, in tokens. 0: no store. */
  readonly storeTokens: number;
  /** Called when the manager cannot go on until it is reset: see `SlotRunnerOptions`. */
  readonly onLost?: (error: EntresolError) => void;
  /** `survival` only. Budget of saved states on disk, in tokens; needs a token engine that can move states. Default 0. */
  readonly diskTokens?: number;
  /** Calls that may wait; one more is refused as `ENT_OVERLOADED`. Default 256. */
  readonly waitingLimit?: number;
  /**
   * `survival` only. Slots that no call may take while others run. Default 0: with a store that takes what a slot must
   * give up, a spare one buys a few points of hit rate at small memories and costs a quarter of the mean TTFT.
   */
  readonly spareSlots?: number;
  /** `survival` only. Tokens per cache unit. Default 32. */
  readonly unitTokens?: number;
  /** `survival` only. Units remembered, resident or not. Default: four times what fits, at least 4096. */
  readonly rememberedUnits?: number;
  /** `survival` only. Calls between dispatch and first token at a time. Default 1. */
  readonly prefillLimit?: number;
  /** `survival` only. Milliseconds of prefill by which a call gets ahead per millisecond of waiting. Default 0.05. */
  readonly agingFactor?: number;
  /** `survival` only. Shared prefixes from this length on are kept on their own. Default 64; Infinity: never. */
  readonly anchorTokens?: number;
  /** `survival` only. Calls that may lie parked: they made way for waiting prompts while they decoded. 0: none does. Default 2. */
  readonly parkedCalls?: number;
  /** `survival` only. One that has lain parked for so long goes on before a waiting one begins. Default 3,000. */
  readonly patienceMs?: number;
  /** `llama-server` only. Idle slots are saved when a call starts (its `--cache-idle-slots`, on by default). */
  readonly cacheIdleSlots?: boolean;
}

export const DEFAULT_UNIT_TOKENS = 32;

/** @throws EntresolError `ENT_CONFIG_INVALID` */
export function createSlotManager(options: SlotManagerOptions): SlotManager {
  const { kind, tokenEngine: engine, host, replica, slots, storeTokens } = options;
  for (const name of ['slots', 'storeTokens', 'diskTokens', 'waitingLimit', 'spareSlots'] as const) {
    const value = options[name];
    if (value !== undefined && !(value >= 0)) throw new EntresolError('ENT_CONFIG_INVALID', `${name} is ${value}, but must be 0 or more.`, { at: name });
  }
  const waitingLimit = options.waitingLimit ?? 256;
  const lost = options.onLost === undefined ? {} : { onLost: options.onLost };
  if (kind === 'llama-server') {
    return new SlotRunner({
      engine, host, slots, waitingLimit, ...lost,
      makeRule: (desk) => new LlamaServerRule({ storeTokens, cacheIdleSlots: options.cacheIdleSlots ?? true }, desk),
    });
  }
  const unitTokens = options.unitTokens ?? DEFAULT_UNIT_TOKENS;
  const fitting = (slots * engine.contextTokens + storeTokens + (options.diskTokens ?? 0)) / unitTokens;
  return new SlotRunner({
    engine, host, slots, waitingLimit, ...lost,
    makeRule: (desk) => new SurvivalRule({
      host, replica, storeTokens, unitTokens,
      spareSlots: options.spareSlots ?? 0,
      diskTokens: options.diskTokens ?? 0,
      rememberedUnits: options.rememberedUnits ?? Math.max(4096, Math.ceil(4 * fitting)),
      prefillLimit: options.prefillLimit ?? 1,
      agingFactor: options.agingFactor ?? 0.05,
      parkedCalls: options.parkedCalls ?? 2,
      patienceMs: options.patienceMs ?? 3000,
      anchorTokens: options.anchorTokens ?? 64,
    }, desk),
  });
}
