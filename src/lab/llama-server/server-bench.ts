/**
 * A real llama-server alone and with Entresol before it: the same requests, in alternating slices of one run, at equal total
 * memory (slots and what is kept beside them).
 */
import { EntresolError } from '../../core/index.ts';
import { cacheDirectory } from '../../engines/embedded/cache-directory.ts';
import { STANDARD_SHAPE } from '../../engines/embedded/synthetic-model/shape.ts';
import { ensureSyntheticModel } from '../../engines/embedded/synthetic-model/synthetic-model.ts';
import { registeredPolicy } from '../../runtime/load-policy.ts';
import type { Caller, CallRequest } from '../../../examples/six-agents/index.ts';
import type { WorkloadReport } from '../bench/document.ts';
import { runLoad } from '../bench/load-run.ts';
import { calibrate, type Calibration } from '../bench/calibration.ts';
import type { Rehearsal } from '../bench/think-time.ts';
import { rehearsedThinkMs } from '../bench/think-time.ts';
import { sixAgentsWorkload } from '../bench/six-agents-workload.ts';
import { scaleTrace } from '../bench/trace-sessions.ts';
import { traceWorkload } from '../bench/trace-workload.ts';
import { totalMemoryTokens } from '../bench/memory-split.ts';
import { workingSetTokens } from '../bench/working-set.ts';
import type { BenchWorkload, Connection } from '../bench/workload.ts';
import { locateTrace } from '../trace/locate-trace.ts';
import { ServerSide, type ServerSideParts, type ServerSideSpec } from './server-side.ts';

export interface ServerBenchOptions extends Omit<ServerSideParts, 'modelPath'> {
  /** A GGUF file; the synthetic model without one. */
  readonly modelPath?: string;
  readonly seed: number;
  /** `six-agents`, or traces by name or path. */
  readonly workloads: readonly string[];
  readonly capacities: readonly number[];
  /** Of the side with Entresol; the server alone has four. */
  readonly slots: number;
  readonly durationSeconds: number;
  readonly settleSeconds: number;
  /** Beside both: with Entresol and no policy (least recently used), and with prompts compared by the server's tokens. */
  readonly baselines: boolean;
  say(line: string): void;
  onLoad(report: WorkloadReport): void;
}

const CONTEXT_TOKENS = 2048;
/** llama-server's own default. */
const ALONE_SLOTS = 4;
const SLICE_MS = 2000;
const REHEARSAL_MS = 6000;
const WANTED_OFF_UTILISATION = 0.88;
const SIX_AGENTS = 'six-agents';
const SIX_AGENTS_CONCURRENCY = 12;
const SIX_AGENTS_SESSIONS = 40;
const TRACE_CONCURRENCY = 16;
const TRACE_SESSIONS = 60;
const MIB = 2 ** 20;
/** KV of the synthetic model: 6 layers, keys and values of 128 numbers of 2 bytes. */
const BYTES_PER_TOKEN = 3072;

export async function benchServer(options: ServerBenchOptions): Promise<WorkloadReport[]> {
  const modelPath = options.modelPath ?? (await ensureSyntheticModel(STANDARD_SHAPE, cacheDirectory())).path;
  const calibration = await calibrate({ kind: 'embedded', threads: options.threads, ...(options.modelPath === undefined ? {} : { modelPath }) }, CONTEXT_TOKENS);
  const reports: WorkloadReport[] = [];
  try {
    for (const name of options.workloads) {
      const workload = await workloadOf(name, options.seed, calibration);
      for (const capacity of options.capacities) {
        const report = await benchLoad(workload, capacity, calibration, { ...options, modelPath });
        reports.push(report);
        options.onLoad(report);
      }
    }
    return reports;
  } finally {
    await calibration.close();
  }
}

async function workloadOf(name: string, seed: number, { tokenise }: Calibration): Promise<BenchWorkload> {
  if (name === SIX_AGENTS) return sixAgentsWorkload({ seed, concurrency: SIX_AGENTS_CONCURRENCY, sessions: SIX_AGENTS_SESSIONS, tokenise, callerOf: scriptedCaller(tokenise) });
  const scaled = await scaleTrace(locateTrace(name), { contextTokens: CONTEXT_TOKENS, sessions: TRACE_SESSIONS });
  if (scaled === undefined) throw new EntresolError('ENT_USAGE', `${name} does not scale: fewer than two of its sessions fit a small context.`, { at: '--trace' });
  // Any tokens, but as many.
  return traceWorkload(scaled, TRACE_CONCURRENCY, () => ({ ignore_eos: true }));
}

/** The server decodes as long an answer as the script's, of its own words; the script's goes on. Tools stand in the system text: a model without a template for them gets them so. */
function scriptedCaller(tokenise: Calibration['tokenise']): (connection: Connection, signal: AbortSignal) => Caller {
  // Every side says the same: it is counted once.
  const lengths = new Map<string, Promise<number>>();
  const lengthOf = (text: string): Promise<number> => {
    const known = lengths.get(text) ?? tokenise(text).then(({ length }) => length);
    lengths.set(text, known);
    return known;
  };
  return ({ client, model, clock }, signal) => async (request) => {
    const { forced } = request;
    if (forced === undefined) throw new EntresolError('ENT_INTERNAL', 'a scripted session has no answer.');
    const text = `${forced.answer}${forced.toolCall === undefined ? '' : JSON.stringify(forced.toolCall)}`;
    const body = {
      model, messages: asText(request), max_tokens: await lengthOf(text), temperature: 0, stream: true as const, stream_options: { include_usage: true }, ignore_eos: true,
    };
    const headers = { 'x-entresol-workload': SIX_AGENTS, 'x-entresol-session': request.session, 'x-entresol-agent': request.role.name };
    const sentAtMs = clock.nowMs();
    let firstContentAtMs: number | undefined;
    let usage = { promptTokens: 0, cachedTokens: 0, outputTokens: 0 };
    for await (const chunk of await client.chat.completions.create(body, { headers, signal })) {
      if (chunk.choices[0]?.delta.content) firstContentAtMs ??= clock.nowMs();
      if (chunk.usage) usage = { promptTokens: chunk.usage.prompt_tokens, cachedTokens: chunk.usage.prompt_tokens_details?.cached_tokens ?? 0, outputTokens: chunk.usage.completion_tokens };
    }
    const endedAtMs = clock.nowMs();
    const toolCalls = forced.toolCall === undefined ? [] : [{ id: 'call_0', type: 'function' as const, function: { name: forced.toolCall.name, arguments: JSON.stringify(forced.toolCall.arguments) } }];
    return { answer: { content: forced.answer, toolCalls }, usage, times: { sentAtMs, firstContentAtMs: firstContentAtMs ?? endedAtMs, endedAtMs } };
  };
}

function asText({ messages, role }: CallRequest): { role: 'system' | 'user' | 'assistant'; content: string }[] {
  return messages.map((message) => {
    const calls = 'tool_calls' in message && message.tool_calls !== undefined ? JSON.stringify(message.tool_calls.map((call) => ('function' in call ? call.function : {}))) : '';
    const content = `${String(message.content ?? '')}${calls}`;
    if (message.role === 'system') return { role: 'system', content: `${content}\n${JSON.stringify(role.tools)}` };
    return { role: message.role === 'assistant' ? 'assistant' : 'user', content };
  });
}

async function benchLoad(workload: BenchWorkload, capacityFraction: number, { cost }: Calibration, options: ServerBenchOptions & ServerSideParts): Promise<WorkloadReport> {
  const workingSet = workingSetTokens(workload.sessions, workload.concurrency);
  const slotMiB = (CONTEXT_TOKENS * BYTES_PER_TOKEN) / MIB;
  // The server's own cache is told its room in whole MiB.
  const totalMiB = Math.max(ALONE_SLOTS * slotMiB, Math.round((totalMemoryTokens(workingSet, capacityFraction, CONTEXT_TOKENS) * BYTES_PER_TOKEN) / MIB));
  const totalTokens = Math.round((totalMiB * MIB) / BYTES_PER_TOKEN);
  const spec = (name: string, slots: number, policies?: ServerSideSpec['policies']): ServerSideSpec => ({
    name, slots, contextTokens: CONTEXT_TOKENS, storeMiB: totalMiB - slots * slotMiB, ...(policies === undefined ? {} : { policies }),
  });
  const sage = registeredPolicy('cache-sage');
  const off = spec('off', ALONE_SLOTS);
  const withSage = sage === undefined ? [] : [{ definition: sage }];
  const sides = [off, spec('on', options.slots, withSage), ...(options.baselines ? [spec('own-lru', options.slots, []), { ...spec('exact-prompts', options.slots, withSage), prompts: 'exact' as const }] : [])];
  const tokensOf = ({ storeMiB }: ServerSideSpec): number => Math.round((storeMiB * MIB) / BYTES_PER_TOKEN);
  const settleMs = 1000 * options.settleSeconds;
  const measured = { fromMs: settleMs, untilMs: settleMs + 1000 * options.durationSeconds };
  const description = {
    thinkTimes: true, concurrency: workload.concurrency, capacityFraction, scale: workload.scale, seed: options.seed, settleSeconds: options.settleSeconds,
    memory: {
      workingSetTokens: workingSet, totalTokens, fraction: totalTokens / workingSet, contextTokens: CONTEXT_TOKENS,
      sides: Object.fromEntries(sides.map((side) => [side.name, { slots: side.slots, storeTokens: tokensOf(side) }])),
    },
  };
  const parts = { threads: options.threads, startSide: (side: ServerSideSpec) => ServerSide.start(side, options) };
  const load = async (thinkMsMean: number, only: readonly ServerSideSpec[], untilMs: number): Promise<WorkloadReport> => runLoad(
    { workload, sides: only, sliceMs: SLICE_MS, settleMs, activeMs: untilMs, description: { ...description, thinkMsMean } }, parts,
  );
  const rehearsal: Rehearsal = {
    window: { fromMs: settleMs, untilMs: settleMs + REHEARSAL_MS },
    run: async (thinkMs) => (await load(thinkMs, [off], settleMs + REHEARSAL_MS)).load.offUtilisation,
  };
  const simulated = { sessions: workload.sessions, concurrency: workload.concurrency, rule: 'llama-server', layout: { slots: ALONE_SLOTS, storeTokens: tokensOf(off) }, contextTokens: CONTEXT_TOKENS, cost } as const;
  const thinkMs = await rehearsedThinkMs(simulated, measured, rehearsal, WANTED_OFF_UTILISATION);
  options.say(`${workload.name}, capacity ${capacityFraction}, think time ${(thinkMs / 1000).toFixed(1)} s: ${sides.map((side) => `${side.name} ${side.slots} slots + ${side.storeMiB} MiB`).join(', ')}`);
  return load(thinkMs, sides, measured.untilMs);
}
