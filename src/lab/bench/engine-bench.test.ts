import { beforeAll, describe, expect, it } from 'vitest';
import { startServer } from '../../cli/compose.ts';
import { DEFAULT_TOKEN_COST } from '../../engines/simulated/token-cost.ts';
import { registeredPolicy } from '../../runtime/load-policy.ts';
import type { EngineBenchDocument } from './document.ts';
import { benchEngine, CONTEXT_TOKENS } from './engine-bench.ts';
import { layOut, totalMemoryTokens } from './memory-split.ts';
import { sixAgentsWorkload } from './six-agents-workload.ts';
import { simulateLoad, type SimulatedCall, type SimulatedLoad } from './simulated-run.ts';
import { textTokens } from './text-tokens.ts';
import { findThinkMs, rehearsedThinkMs, simulatedUtilisation, WANTED_UTILISATION } from './think-time.ts';
import { workingSetTokens } from './working-set.ts';

/** Prefill and decode as measured on the synthetic model with one thread. */
const COST = { ...DEFAULT_TOKEN_COST, prefillMsPerToken: 0.153, attentionMsPerTokenAndPosition: 0.000129, decodeMs: 0.9 };

const hitRate = (calls: readonly SimulatedCall[]): number =>
  calls.reduce((sum, call) => sum + call.cachedTokens, 0) / calls.reduce((sum, call) => sum + call.promptTokens, 0);

describe('the six agents in virtual time', () => {
  const WINDOW = { fromMs: 0, untilMs: 40_000 };
  let load: (capacity: number) => Promise<{ off: SimulatedLoad; on: SimulatedLoad }>;

  beforeAll(async () => {
    const { sessions, concurrency } = await sixAgentsWorkload({ seed: 1, concurrency: 12, sessions: 40, tokenise: textTokens });
    const workingSet = workingSetTokens(sessions, concurrency);
    const definition = registeredPolicy('cache-sage');
    if (definition === undefined) throw new Error('cache-sage is not registered');
    load = async (capacity) => {
      const total = totalMemoryTokens(workingSet, capacity, CONTEXT_TOKENS);
      const base = { sessions, concurrency, contextTokens: CONTEXT_TOKENS, cost: COST, untilMs: WINDOW.untilMs };
      const alone = { ...base, rule: 'llama-server' as const, layout: layOut('llama-server', total, CONTEXT_TOKENS) };
      const thinkMs = await findThinkMs(alone, WINDOW);
      return { off: { ...alone, thinkMs }, on: { ...base, thinkMs, rule: 'survival', layout: layOut('own', total, CONTEXT_TOKENS), policies: [{ definition }] } };
    };
  });

  it('keep the engine alone as busy as wanted at the think time that is found', async () => {
    const { off } = await load(0.2);
    expect(Math.abs(await simulatedUtilisation(off, off.thinkMs, WINDOW) - WANTED_UTILISATION)).toBeLessThan(0.03);
  });

  it.each([0.1, 0.2, 0.35])('find more of their prompts in the cache with Entresol at capacity %f', async (capacity) => {
    const { off, on } = await load(capacity);
    const alone = await simulateLoad(off);
    const steered = await simulateLoad(on);
    expect(hitRate(steered.calls) - hitRate(alone.calls)).toBeGreaterThan(0.15);
    expect(steered.calls.length).toBeGreaterThan(alone.calls.length);
  });
});

describe('the think time of a load', () => {
  const sessions = [{ id: 'one', calls: [{ agent: 'a', instance: 'a', pauseUnits: 1, prompt: new Int32Array(400), output: new Int32Array(20) }] }];
  const load = { sessions: Array.from({ length: 400 }, (_, at) => ({ ...sessions[0], id: `${at}` })), concurrency: 4, rule: 'llama-server', layout: { slots: 4, storeTokens: 0 }, contextTokens: 512, cost: COST } as const;

  it('is tried on the real engine until that is as busy as it should be', async () => {
    // A real engine that is idle for a quarter of the time that the simulated one works.
    const window = { fromMs: 1_000, untilMs: 8_000 };
    const realBusy = async (thinkMs: number): Promise<number> => 0.75 * await simulatedUtilisation(load, thinkMs, window);
    expect(Math.abs(await realBusy(await findThinkMs(load, window)) - 0.6)).toBeGreaterThan(0.03);
    const thinkMs = await rehearsedThinkMs(load, window, { window, run: realBusy }, 0.6);
    expect(Math.abs(await realBusy(thinkMs) - 0.6)).toBeLessThanOrEqual(0.03);
  });

  it('looks at the window that is measured: a load that grows is tried when it is young', async () => {
    const growing = { ...load, sessions: Array.from({ length: 4 }, (_, place) => ({ id: `${place}`, calls: Array.from({ length: 60 }, (__, step) => ({ agent: 'a', instance: `${place}/${step}`, pauseUnits: 1, prompt: new Int32Array(60 + 5 * step).fill(60 * place + step), output: new Int32Array(8) })) })) };
    const [young, measured] = [{ fromMs: 0, untilMs: 2_000 }, { fromMs: 2_000, untilMs: 16_000 }];
    const thinkMs = await rehearsedThinkMs(growing, measured, { window: young, run: (pauseMs) => simulatedUtilisation(growing, pauseMs, young) }, 0.8);
    expect(Math.abs(await simulatedUtilisation(growing, thinkMs, measured) - 0.8)).toBeLessThanOrEqual(0.03);
    expect(await simulatedUtilisation(growing, thinkMs, young)).toBeLessThan(0.75);
  });
});

describe('the bench on the simulated engine', () => {
  let document: EngineBenchDocument;
  const said: string[] = [];

  beforeAll(async () => {
    document = await benchEngine({
      choice: { kind: 'simulated', threads: 1, because: 'this is a test' }, startGateway: startServer, say: (line) => { said.push(line); },
      seed: 3, sixAgents: true, traces: [], loads: [0.2, 0.01, 0.02].map((capacityFraction) => ({ capacityFraction, thinkTimes: false })),
      ampleLoads: [], baselines: true, rehearses: false, durationSeconds: 2, settleSeconds: 2,
    });
  });

  it('says what it ran on, and that nothing real stands behind its latencies', () => {
    expect(document.engine).toMatchObject({ kind: 'simulated', synthetic: true });
  });

  it('gives both sides the same memory, and compares what both completed', () => {
    const [report] = document.workloads;
    const { memory } = report.load;
    expect(report.trace).toBe('six-agents');
    for (const { slots, storeTokens } of ['off', 'on'].map((side) => memory.sides[side])) expect(slots * memory.contextTokens + storeTokens).toBe(memory.totalTokens);
    expect(report.pairedCalls).toBeGreaterThan(0);
    expect(report.off.calls).toBe(report.on.calls);
    expect(report.off.completedCalls).toBeGreaterThanOrEqual(report.pairedCalls);
    for (const side of [report.off, report.on]) {
      expect(side.ttftMs.mean).toBeGreaterThan(0);
      expect(side.endToEndMs.mean).toBeGreaterThan(side.ttftMs.mean);
      expect(side.hitRate).toBeGreaterThanOrEqual(0);
      expect(side.turnsPerSecond).toBeGreaterThan(0);
    }
    expect(report.hitRateGainPoints).toBeCloseTo(100 * (report.on.hitRate - report.off.hitRate), 6);
  });

  it('measures once what comes to the same memory, and says what it is of the working set', () => {
    expect(document.workloads.map(({ load }) => load.capacityFraction)).toEqual([0.2, 0.01]);
    const { fraction, totalTokens, workingSetTokens } = document.workloads[1].load.memory;
    expect(fraction).toBe(totalTokens / workingSetTokens);
    expect(fraction).toBeGreaterThan(0.01);
    expect(said.some((line) => line.startsWith('six-agents, capacity 0.02: the same memory as at 0.01'))).toBe(true);
  });

  it('prints the other baselines beside it, each with its intervals', () => {
    expect(Object.keys(document.workloads[0].baselines)).toEqual(['no-host-store', 'own-lru']);
    for (const { interval, ratio } of Object.values(document.workloads[0].baselines)) {
      expect(interval.ttftMean?.low).toBeLessThanOrEqual(ratio.ttftMean);
      expect(interval.ttftMean?.high).toBeGreaterThanOrEqual(ratio.ttftMean);
    }
  });
});
