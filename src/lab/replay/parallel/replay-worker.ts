/** A worker thread that replays one job after another. It holds one trace at a time: jobs of the same trace find it read. */
import { parentPort } from 'node:worker_threads';
import { EntresolError } from '../../../core/index.ts';
import { readTrace, traceName } from '../../trace/index.ts';
import { TraceReplays } from '../replay-trace.ts';
import { resolveContender } from '../resolve-contenders.ts';
import { placedInFile } from './policy-fault.ts';
import { sameTrace, type ReplayJob, type TraceSource, type WorkerMessage } from './job.ts';

const PROGRESS_EVERY_MS = 200;

interface Held {
  readonly source: TraceSource;
  readonly replays: TraceReplays;
}

let held: Held | undefined;
let shownAtMs = 0;

function post(message: WorkerMessage): void { parentPort?.postMessage(message); }

function show(doing: () => string): void {
  const nowMs = performance.now();
  if (nowMs - shownAtMs < PROGRESS_EVERY_MS) return;
  shownAtMs = nowMs;
  post({ kind: 'progress', doing: doing() });
}

async function replaysOf({ trace: source, concurrency }: ReplayJob): Promise<TraceReplays> {
  if (held !== undefined && sameTrace(held.source, source) && held.replays.facts.concurrency === concurrency) return held.replays;
  // Let go of the old trace before the new one is read: two at once may not fit.
  held = undefined;
  const { path, blockTokens, maxCalls } = source;
  const trace = await readTrace(path, {
    blockTokens,
    maxCalls,
    onProgress: (calls, share) => show(() => `${traceName(path)}: reading, ${calls} calls, ${Math.round(share * 100)} %`),
  });
  held = { source, replays: new TraceReplays(trace, concurrency) };
  return held.replays;
}

async function serve(job: ReplayJob): Promise<void> {
  try {
    const replays = await replaysOf(job);
    const contender = await resolveContender(job.reference, job.parameters);
    const { facts } = replays;
    const row = replays.row(contender, job.capacity, job.timing, job.cost, (calls) => show(() => `${facts.trace}: ${contender.name} at ${job.capacity}, ${calls} of ${facts.requests} calls`));
    post({ kind: 'done', result: { facts, row } });
  } catch (error) {
    const placed = placedInFile(error, job.reference);
    const { code, at } = placed instanceof EntresolError ? placed : {};
    post({ kind: 'failed', message: placed instanceof Error ? placed.message : String(placed), code, at });
  }
}

parentPort?.on('message', (job: ReplayJob) => { void serve(job); });
