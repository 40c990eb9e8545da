/** The sessions that both sides play: the same prompts and answers as tokens, in the same order. */
import { sixAgentsWorkload } from '../bench/six-agents-workload.ts';
import { SIX_AGENTS } from '../bench/bars.ts';
import { commonPrefixLength, type PlannedCall, type PlannedSession } from '../bench/planned-session.ts';
import { textTokens } from '../bench/text-tokens.ts';
import { scaleTrace } from '../bench/trace-sessions.ts';
import { workingSetTokens } from '../bench/working-set.ts';
import { locateTrace } from '../trace/index.ts';

export interface VllmLoad {
  readonly trace: string;
  readonly sessions: readonly PlannedSession[];
  readonly concurrency: number;
  /** What every length of a trace was multiplied by. */
  readonly scale: number;
  readonly calls: number;
  readonly workingSetTokens: number;
}

export interface LoadOptions {
  readonly trace: string;
  readonly seed: number;
  /** Sessions are taken until they have so many calls. */
  readonly calls: number;
  readonly contextTokens: number;
}

const SIX_AGENTS_CONCURRENCY = 12;
/** As the replay rules have it. */
const TRACE_CONCURRENCY = 16;
const MOST_SESSIONS = 400;
/** Ordinary tokens of the small model's vocabulary. */
const LOWEST_TOKEN = 300;
const TOKEN_RANGE = 3500;

const inVocabulary = (tokens: Int32Array): Int32Array => tokens.map((token) => LOWEST_TOKEN + (token % TOKEN_RANGE));

function fitting({ id, calls }: PlannedSession, contextTokens: number): PlannedSession {
  const kept: PlannedCall[] = [];
  for (const call of calls) {
    if (call.prompt.length + call.output.length > contextTokens) break;
    kept.push({ ...call, prompt: inVocabulary(call.prompt), output: inVocabulary(call.output) });
  }
  return { id, calls: kept };
}

/** Undefined: the trace does not scale. */
export async function planLoad({ trace, seed, calls, contextTokens }: LoadOptions): Promise<VllmLoad | undefined> {
  const sixAgents = trace === SIX_AGENTS;
  const concurrency = sixAgents ? SIX_AGENTS_CONCURRENCY : TRACE_CONCURRENCY;
  const planned = sixAgents
    ? await sixAgentsWorkload({ seed, concurrency, sessions: Math.min(MOST_SESSIONS, Math.max(2 * concurrency, Math.ceil(calls / 8))), tokenise: textTokens })
    : await scaleTrace(locateTrace(trace), { contextTokens, sessions: MOST_SESSIONS });
  if (planned === undefined) return undefined;
  const sessions: PlannedSession[] = [];
  let count = 0;
  for (const session of planned.sessions) {
    if (count >= calls) break;
    const kept = fitting(session, contextTokens);
    if (kept.calls.length === 0) continue;
    sessions.push(kept);
    count += kept.calls.length;
  }
  return { trace: planned.name, sessions, concurrency, scale: planned.scale, calls: count, workingSetTokens: workingSetTokens(sessions, concurrency) };
}

/** The longest call: a cache must hold it. */
export const longestCall = ({ sessions }: VllmLoad): number => Math.max(...sessions.flatMap(({ calls }) => calls.map(({ prompt, output }) => prompt.length + output.length)));

/** Hit rate of a cache that keeps everything: what there is to gain. In whole blocks, the last token of a prompt always computed. */
export function boundlessHitRate({ sessions }: VllmLoad, blockTokens: number): number {
  const seen: Int32Array[] = [];
  let hits = 0;
  let queries = 0;
  for (const { calls } of sessions) {
    for (const { prompt, output } of calls) {
      let longest = 0;
      for (const earlier of seen) longest = Math.max(longest, commonPrefixLength(earlier, prompt));
      hits += Math.floor(Math.min(longest, prompt.length - 1) / blockTokens) * blockTokens;
      queries += prompt.length;
      seen.push(Int32Array.from([...prompt, ...output]));
    }
  }
  return queries === 0 ? 0 : hits / queries;
}
