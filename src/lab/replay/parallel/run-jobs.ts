/** Runs replays in worker threads. Jobs of one trace go to workers that hold it already; the heaviest traces go first. */
import { statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { EntresolError } from '../../../core/index.ts';
import { builtPath } from '../../../engines/embedded/child-path.ts';
import { isPolicyPath } from '../../../runtime/load-policy.ts';
import { sameTrace, type ReplayJob, type ReplayResult, type TraceSource, type WorkerMessage } from './job.ts';

const BUILT_WORKER = 'dist/lab/replay-worker.mjs';

/** The built entry of a worker. */
export function workerPath(): string {
  const path = builtPath(BUILT_WORKER);
  if (path === undefined) throw new EntresolError('ENT_INTERNAL', `${BUILT_WORKER} is not built; run npm run build.`);
  return path;
}

export interface RunJobsOptions {
  readonly workers: number;
  /** Ends the workers; what they had in hand is lost. */
  readonly signal?: AbortSignal;
  onProgress?(doing: string): void;
  onResult(job: ReplayJob, result: ReplayResult): void;
  /** A job failed: those of the same cause (`failsWith`) are left out, all others are done. Absent: the first failure stops them. */
  onFailure?(job: ReplayJob, error: Error): void;
}

/**
 * Whether the other job fails too, for the same reason: a trace that cannot be read, or a policy that cannot be run. Where memory ran
 * out under a policy file, that is taken to be the cause: if it was the trace, a policy of ours will say so.
 */
export function failsWith(failed: ReplayJob, error: Error, other: ReplayJob): boolean {
  const ofTrace = error instanceof EntresolError && error.code.startsWith('ENT_TRACE') && !(error.code === 'ENT_TRACE_TOO_LARGE' && isPolicyPath(failed.reference));
  return ofTrace ? sameTrace(failed.trace, other.trace) : failed.reference === other.reference;
}

interface Group {
  readonly source: TraceSource;
  readonly bytes: number;
  readonly jobs: ReplayJob[];
}

/** Jobs still to be handed out, by trace. */
class Queue {
  readonly #groups: Group[] = [];

  constructor(jobs: readonly ReplayJob[]) {
    for (const job of jobs) {
      const group = this.#groups.find(({ source }) => sameTrace(source, job.trace));
      if (group === undefined) this.#groups.push({ source: job.trace, bytes: statSync(job.trace.path).size, jobs: [job] });
      else group.jobs.push(job);
    }
  }

  /** @param held the trace that the worker has read */
  next(held: TraceSource | undefined): ReplayJob | undefined {
    const left = this.#groups.filter(({ jobs }) => jobs.length > 0);
    const group = left.find(({ source }) => held !== undefined && sameTrace(source, held))
      ?? left.toSorted((one, other) => other.bytes * other.jobs.length - one.bytes * one.jobs.length)[0];
    return group?.jobs.shift();
  }

  drop(isDropped: (job: ReplayJob) => boolean): void {
    for (const { jobs } of this.#groups) jobs.splice(0, jobs.length, ...jobs.filter((job) => !isDropped(job)));
  }
}

/**
 * Resolves when every job has had its `onResult`, or has been left out after a failure.
 * @throws EntresolError of the first job that fails (the others are stopped), `ENT_TRACE_TOO_LARGE`; the signal's reason when it aborts
 */
export async function runJobs(jobs: readonly ReplayJob[], options: RunJobsOptions): Promise<void> {
  if (jobs.length === 0) return;
  options.signal?.throwIfAborted();
  const queue = new Queue(jobs);
  const workers: Worker[] = [];
  let over = false;
  try {
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => reject(options.signal?.reason as Error);
      options.signal?.addEventListener('abort', stop, { once: true });
      const count = Math.max(1, Math.min(options.workers, jobs.length));
      let busy = count;
      const done = (): void => {
        busy--;
        if (busy > 0) return;
        options.signal?.removeEventListener('abort', stop);
        resolve();
      };
      const start = (): void => {
        const worker = new Worker(workerPath());
        workers.push(worker);
        drive(worker, queue, options, { done, fail: reject, replace: start, isOver: () => over });
      };
      for (let index = 0; index < count; index++) start();
    });
  } finally {
    over = true;
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

interface Ends {
  done(): void;
  fail(error: Error): void;
  /** The worker is gone, and what is left is for another. */
  replace(): void;
  /** Whoever ends now was ended by us. */
  isOver(): boolean;
}

function drive(worker: Worker, queue: Queue, options: RunJobsOptions, { done, fail, replace, isOver }: Ends): void {
  let job: ReplayJob | undefined;
  let gone = false;
  const next = (): void => {
    job = queue.next(job?.trace);
    if (job === undefined) done();
    else worker.postMessage(job);
  };
  const failed = (error: Error, goOn: () => void): void => {
    if (options.onFailure === undefined || job === undefined) return fail(error);
    const cause = job;
    queue.drop((other) => failsWith(cause, error, other));
    options.onFailure(cause, error);
    goOn();
  };
  const end = (error: Error): void => {
    if (gone || isOver()) return;
    gone = true;
    failed(error, replace);
  };
  worker.on('message', (message: WorkerMessage) => {
    if (message.kind === 'progress') options.onProgress?.(message.doing);
    else if (message.kind === 'failed') failed(errorOf(message), next);
    else {
      options.onResult(job as ReplayJob, message.result);
      next();
    }
  });
  worker.on('error', (error) => end(workerFault(error, job)));
  worker.on('exit', (code) => end(new EntresolError('ENT_POLICY_INVALID', `the policy ended its worker (exit code ${code}).`, { at: job?.reference })));
  next();
}

function errorOf({ code, message, at }: Extract<WorkerMessage, { kind: 'failed' }>): Error {
  return code === undefined ? new Error(message) : new EntresolError(code, message, { at });
}

function workerFault(error: Error, job: ReplayJob | undefined): Error {
  if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_OUT_OF_MEMORY') return error;
  return new EntresolError('ENT_TRACE_TOO_LARGE', 'memory ran out while the trace was replayed.', { at: job?.trace.path, cause: error });
}
