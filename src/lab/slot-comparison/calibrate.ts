/**
 * How near our model of llama-server's rules comes to the real thing: the same calls through both, on the same
 * model. One after another every call's cached tokens must be equal; many at once, timing decides which slot is idle
 * when, and hit rates are compared.
 */
import { LOCAL_TENANT, agentId, instanceId, replicaId, requestId, sessionId, workloadId, type Clock, type EngineHost } from '../../core/index.ts';
import { cacheDirectory } from '../../engines/embedded/cache-directory.ts';
import { LlamaTokenEngine } from '../../engines/embedded/llama-token-engine.ts';
import { locateEngine } from '../../engines/embedded/locate.ts';
import { STANDARD_SHAPE } from '../../engines/embedded/synthetic-model/shape.ts';
import { ensureSyntheticModel } from '../../engines/embedded/synthetic-model/synthetic-model.ts';
import { createSlotManager } from '../../engines/slots/create-slot-manager.ts';
import { scaleTrace } from '../bench/trace-sessions.ts';
import { locateTrace } from '../trace/locate-trace.ts';
import type { PlannedSession } from '../bench/planned-session.ts';
import { LlamaServer, type Completion } from '../llama-server/server.ts';

export interface CalibrateOptions {
  readonly binary: string;
  /** A GGUF file; the synthetic model without one. */
  readonly modelPath?: string;
  readonly traces?: readonly string[];
  readonly slots: number;
  readonly contextTokens: number;
  readonly cacheMiB: readonly number[];
  readonly sessions: number;
  readonly concurrency: number;
  /** At most so many. */
  readonly calls: number;
  readonly outputTokens: number;
  progress(line: string): void;
}

export interface Calibration {
  readonly trace: string;
  readonly cacheMiB: number;
  readonly storeTokens: number;
  /** Calls at once. */
  readonly concurrency: number;
  readonly calls: number;
  readonly server: { readonly hitRate: number; readonly ttftMeanMs: number };
  readonly model: { readonly hitRate: number; readonly ttftMeanMs: number };
  /** Model minus server, in points of hit rate. */
  readonly errorPoints: number;
  /** Calls whose cached tokens differ. */
  readonly differing: number;
}

type Complete = (prompt: Int32Array, outputTokens: number) => Promise<Completion>;

const DEFAULT_TRACES = ['trail-swe', 'taubench-airline'];
const THREADS = 1;
const MIB = 2 ** 20;
const REPLICA = replicaId('calibration');

export async function calibrate(options: CalibrateOptions): Promise<Calibration[]> {
  const modelPath = options.modelPath ?? (await ensureSyntheticModel(STANDARD_SHAPE, cacheDirectory())).path;
  const results: Calibration[] = [];
  for (const name of options.traces ?? DEFAULT_TRACES) {
    const scaled = await scaleTrace(locateTrace(name), { contextTokens: options.contextTokens, sessions: options.sessions });
    if (scaled === undefined) continue;
    for (const cacheMiB of options.cacheMiB) {
      for (const concurrency of [1, options.concurrency]) {
        const result = await compare({ ...options, modelPath, trace: scaled.name, sessions: scaled.sessions, cacheMiB, concurrency });
        results.push(result);
        options.progress(describe(result));
      }
    }
  }
  return results;
}

interface CompareOptions extends Omit<CalibrateOptions, 'sessions' | 'cacheMiB' | 'modelPath'> {
  readonly modelPath: string;
  readonly trace: string;
  readonly sessions: readonly PlannedSession[];
  readonly cacheMiB: number;
}

async function compare(options: CompareOptions): Promise<Calibration> {
  const { slots, contextTokens, cacheMiB, modelPath } = options;
  const server = await LlamaServer.start({ binary: options.binary, modelPath, slots, contextTokens, cacheMiB, threads: THREADS });
  let real: Completion[];
  try {
    real = await play(options, (prompt, output) => server.complete(prompt, output));
  } finally {
    await server.close();
  }
  const engine = await LlamaTokenEngine.start({ library: locateEngine(), modelPath, sequences: slots, contextTokens, threads: THREADS });
  const storeTokens = Math.floor((cacheMiB * MIB) / engine.bytesPerToken);
  let modelled: Completion[];
  try {
    modelled = await play(options, modelOf(engine, slots, storeTokens));
  } finally {
    await engine.close();
  }
  const summary = (all: readonly Completion[]): Calibration['server'] => ({
    hitRate: all.reduce((sum, one) => sum + one.cachedTokens, 0) / all.reduce((sum, one) => sum + one.promptTokens, 0),
    ttftMeanMs: all.reduce((sum, one) => sum + one.ttftMs, 0) / all.length,
  });
  const [theirs, ours] = [summary(real), summary(modelled)];
  return {
    trace: options.trace, cacheMiB, storeTokens, concurrency: options.concurrency, calls: real.length, server: theirs, model: ours,
    errorPoints: 100 * (ours.hitRate - theirs.hitRate),
    differing: real.filter((one, at) => one.cachedTokens !== modelled[at].cachedTokens).length,
  };
}

/** The sessions in `concurrency` places, each call as soon as the one before it has ended: with one place, round robin over sessions. */
async function play(options: CompareOptions, complete: Complete): Promise<Completion[]> {
  const { outputTokens, calls, contextTokens } = options;
  const queue = interleaved(options.sessions, Math.max(2, options.concurrency)).slice(0, calls).filter((prompt) => prompt.length + outputTokens < contextTokens);
  const results: Completion[] = Array.from({ length: queue.length });
  let next = 0;
  const place = async (): Promise<void> => {
    for (let at = next++; at < queue.length; at = next++) results[at] = await complete(queue[at], outputTokens);
  };
  await Promise.all(Array.from({ length: options.concurrency }, place));
  return results;
}

/** One call of each of `width` sessions in turn; a session that has ended makes room for the next. */
function interleaved(sessions: readonly PlannedSession[], width: number): Int32Array[] {
  const waiting = sessions.map((session) => session.calls.map((call) => call.prompt));
  const active = waiting.splice(0, width);
  const prompts: Int32Array[] = [];
  for (let at = 0; active.length > 0; at++) {
    const calls = active[at % active.length];
    prompts.push(calls.shift() as Int32Array);
    if (calls.length > 0) continue;
    const following = waiting.shift();
    if (following === undefined) active.splice(at % active.length, 1);
    else active[at % active.length] = following;
  }
  return prompts;
}

function modelOf(engine: LlamaTokenEngine, slots: number, storeTokens: number): Complete {
  const clock: Clock = { nowMs: () => performance.now() };
  const host: EngineHost = { clock, emit: () => undefined, order: () => undefined, retention: () => undefined, log: () => undefined, trouble: () => undefined, warmedUp: () => undefined };
  const manager = createSlotManager({ kind: 'llama-server', tokenEngine: engine, host, replica: REPLICA, slots, storeTokens });
  let serial = 0;
  return async (prompt, outputTokens) => {
    const startedMs = performance.now();
    let firstMs: number | undefined;
    const by = { tenant: LOCAL_TENANT, workload: workloadId('w'), session: sessionId('s'), agent: agentId('a'), instance: instanceId('a'), step: 0 };
    const request = {
      id: requestId(String(serial++)), by, model: 'm', arrivedAtMs: startedMs, promptTokens: prompt.length, promptTokensExact: true, residentTokens: 0, tools: [], stream: true, final: false,
    };
    // Forced, so that an end-of-text token does not end it: as the server's `ignore_eos`.
    const forced = new Int32Array(outputTokens).fill(prompt[0]);
    const result = await manager.submit({ request, tokens: prompt, generate: { maxTokens: outputTokens, temperature: 0, forced, onToken: () => { firstMs ??= performance.now(); } } });
    const endedMs = performance.now();
    return { promptTokens: result.promptTokens, cachedTokens: result.cachedTokens, ttftMs: (firstMs ?? endedMs) - startedMs, totalMs: endedMs - startedMs };
  };
}

function describe(result: Calibration): string {
  const { trace, cacheMiB, storeTokens, concurrency, calls, server, model, errorPoints, differing } = result;
  return `${trace}, cache ${cacheMiB} MiB (${storeTokens} tokens), ${concurrency} at once, ${calls} calls: `
    + `llama-server ${(100 * server.hitRate).toFixed(1)} %, model ${(100 * model.hitRate).toFixed(1)} %, error ${errorPoints.toFixed(1)} points, ${differing} calls differ; `
    + `mean TTFT ${server.ttftMeanMs.toFixed(0)} and ${model.ttftMeanMs.toFixed(0)} ms`;
}
