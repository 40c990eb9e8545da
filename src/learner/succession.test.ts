import { describe, expect, it } from 'vitest';
import { agentId, instanceId, requestId, seededRandom, sessionId, tenantId, workloadId, type Coordinate } from '../core/index.ts';
import { WorkloadLearner } from './workload-learner.ts';

/** Workers that call every four seconds or so, their sessions of random lengths. */
const WORKERS = 8;
const CALL_MS = 1500;

function by(session: string): Coordinate {
  return { tenant: tenantId('local'), workload: workloadId('w'), session: sessionId(session), agent: agentId('worker'), instance: instanceId('worker'), step: 0 };
}

class Load {
  readonly learner = new WorkloadLearner();
  readonly random = seededRandom(5);
  private requests = 0;
  arrive(session: string, atMs: number): void {
    this.learner.observe({ type: 'request-arrive', atMs, by: by(session), request: requestId(`r${++this.requests}`), model: 'm', promptTokens: 100, warmup: false });
  }
  end(session: string, atMs: number): void {
    this.learner.observe({
      type: 'request-end', atMs, by: by(session), request: requestId(`r${this.requests}`), status: 'ok', promptTokens: 100, cachedTokens: 0, outputTokens: 20,
      stop: 'stop', tools: [], warmup: false,
    });
  }
  ended(session: string, nowMs: number): number {
    const forecast = this.learner.predict({ kind: 'session-end', session: sessionId(session), nowMs });
    if (forecast.kind !== 'session-end') throw new Error('no forecast');
    return forecast.probability;
  }
}

/** @param followedAfterMs from the end of a session's last call to the beginning of the one in its place */
function run(followedAfterMs: (load: Load) => number, sessions: number): { load: Load; nowMs: number; last: (number | undefined)[]; begun: number } {
  const load = new Load();
  const next = Array.from({ length: WORKERS }, (_, worker) => ({ atMs: 700 * worker, session: worker }));
  let begun = WORKERS;
  let nowMs = 0;
  const last: (number | undefined)[] = Array.from({ length: WORKERS }, () => undefined);
  while (begun < sessions) {
    const worker = next.reduce((first, { atMs }, index) => (atMs < next[first].atMs ? index : first), 0);
    const place = next[worker];
    nowMs = place.atMs;
    load.arrive(`s${place.session}`, nowMs);
    load.end(`s${place.session}`, nowMs + CALL_MS);
    last[worker] = place.session;
    const ends = load.random() < 0.12;
    next[worker] = ends
      ? { atMs: nowMs + CALL_MS + followedAfterMs(load), session: begun++ }
      : { atMs: nowMs + CALL_MS + 500 + 4000 * load.random(), session: place.session };
  }
  return { load, nowMs, last, begun };
}

/** All workers idle at once, one of them by the usual delay after its end when a session begins; P(ended) of it and of the rest, before and after. */
function afterBeginning({ load, nowMs }: { load: Load; nowMs: number }, usualMs: number) {
  const beginsMs = nowMs + 60_000;
  const delays = [400, 900, usualMs, 3000, 4500];
  delays.forEach((delayMs, index) => {
    load.arrive(`probe${index}`, beginsMs - delayMs - CALL_MS);
    load.end(`probe${index}`, beginsMs - delayMs);
  });
  const all = () => delays.map((_, index) => load.ended(`probe${index}`, beginsMs));
  const before = all();
  load.arrive('newcomer', beginsMs);
  return { before, after: all() };
}

describe('a session that begins in the place of another', () => {
  it('tells which one has ended, where each is followed soon by the next', () => {
const { before, after } = afterBeginning(run(({ random }) => 1900 + 200 * random(), 150), 2000);
    expect(before[2]).toBeLessThan(0.35);
    expect(after[2]).toBeGreaterThan(0.6);
    for (const other of [0, 1, 3, 4]) expect(after[other]).toBeLessThan(before[other] + 0.1);
  });

  it('tells nothing where sessions begin by themselves', () => {
    const { before, after } = afterBeginning(run(({ random }) => -30_000 * Math.log(1 - random()), 150), 2000);
    after.forEach((ended, index) => expect(Math.abs(ended - before[index])).toBeLessThan(0.15));
  });
});
