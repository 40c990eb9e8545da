import { describe, expect, it } from 'vitest';
import { agentId, instanceId, requestId, seededRandom, sessionId, tenantId, workloadId, EntresolError, type Coordinate, type Event, type RequestEnd } from '../core/index.ts';
import { TIME_BINS } from './time-grid.ts';
import { WorkloadLearner } from './workload-learner.ts';

const SECOND = 1000;

function by(session: string, agent: string, step = 0): Coordinate {
  return { tenant: tenantId('local'), workload: workloadId('w'), session: sessionId(session), agent: agentId(agent), instance: instanceId(agent), step };
}
let requests = 0;
interface Call { readonly session: string; readonly agent: string; readonly atMs: number; readonly tools?: readonly string[]; readonly outputTokens?: number; readonly warmup?: boolean; readonly final?: boolean }

function arrive(learner: WorkloadLearner, what: Call): RequestEnd {
  const request = requestId(`r${requests++}`);
  const coordinate = by(what.session, what.agent);
  const warmup = what.warmup ?? false;
  learner.observe({ type: 'request-arrive', atMs: what.atMs, by: coordinate, request, model: 'm', promptTokens: 100, warmup, final: what.final });
  return {
    type: 'request-end', atMs: what.atMs, by: coordinate, request, status: 'ok', promptTokens: 100, cachedTokens: 0,
    outputTokens: what.outputTokens ?? 20, stop: 'stop', tools: what.tools ?? [], warmup,
  };
}
function call(learner: WorkloadLearner, what: Call): void {
  learner.observe(arrive(learner, what));
}
function probabilityOfEnd(learner: WorkloadLearner, session: string, nowMs: number): number {
  const forecast = learner.predict({ kind: 'session-end', session: sessionId(session), nowMs });
  if (forecast.kind !== 'session-end') throw new Error(forecast.kind);
  return forecast.probability;
}

/** `count` sessions one after another: planner, coder, writer; coder calls a tool and takes 10 s, the others 1 s. */
function pipeline(learner: WorkloadLearner, count: number, startMs = 0): number {
  let nowMs = startMs;
  for (let index = 0; index < count; index++) {
    const session = `p${startMs}-${index}`;
    call(learner, { session, agent: 'planner', atMs: nowMs });
    call(learner, { session, agent: 'coder', atMs: (nowMs += SECOND), tools: ['run'], outputTokens: 200 });
    call(learner, { session, agent: 'writer', atMs: (nowMs += 10 * SECOND), outputTokens: 500 });
    nowMs += 30 * SECOND;
  }
  return nowMs;
}

describe('WorkloadLearner', () => {
  it('predicts who calls next within a session, however sessions interleave', () => {
    const learner = new WorkloadLearner();
    for (let round = 0; round < 40; round++) {
      const atMs = round * 60 * SECOND;
      for (const agent of ['planner', 'coder', 'writer']) {
        for (let session = 0; session < 4; session++) call(learner, { session: `s${round}-${session}`, agent, atMs });
      }
    }
    call(learner, { session: 'new', agent: 'planner', atMs: 1e7 });
    const forecast = learner.predict({ kind: 'next-agents', session: sessionId('new') });
    if (forecast.kind !== 'next-agents') throw new Error(forecast.kind);
    expect(forecast.agents[0].agent).toBe('coder');
    expect(forecast.agents[0].probability).toBeGreaterThan(0.9);
    expect(forecast.end + forecast.agents.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 9);
  });

  it('ties the time of the next call to the tool', () => {
    const learner = new WorkloadLearner();
    const nowMs = pipeline(learner, 60);
    call(learner, { session: 'a', agent: 'planner', atMs: nowMs });
    call(learner, { session: 'b', agent: 'coder', atMs: nowMs, tools: ['run'], outputTokens: 200 });
    const median = (session: string): number => {
      const forecast = learner.predict({ kind: 'time-to-next-call', session: sessionId(session), nowMs });
      return forecast.kind === 'time-to-next-call' ? forecast.quantilesMs.p50 : NaN;
    };
    expect(median('a')).toBeLessThan(2 * SECOND);
    expect(median('b')).toBeGreaterThan(8 * SECOND);
  });

  it('learns from silence alone which call is the last', () => {
    const learner = new WorkloadLearner();
    const nowMs = pipeline(learner, 60);
    call(learner, { session: 'a', agent: 'planner', atMs: nowMs });
    call(learner, { session: 'b', agent: 'planner', atMs: nowMs });
    call(learner, { session: 'b', agent: 'writer', atMs: nowMs + 1, outputTokens: 500 });
    expect(probabilityOfEnd(learner, 'a', nowMs + 2)).toBeLessThan(0.1);
    expect(probabilityOfEnd(learner, 'b', nowMs + 2)).toBeGreaterThan(0.7);
  });

  it('takes a session for over after long silence, and takes it back when it returns', () => {
    const learner = new WorkloadLearner();
    let nowMs = pipeline(learner, 20);
    call(learner, { session: 'lazy', agent: 'planner', atMs: nowMs });
    nowMs = pipeline(learner, 20, nowMs + 1);
    expect(learner.session(sessionId('lazy'))?.over).toBe(true);
    call(learner, { session: 'lazy', agent: 'coder', atMs: nowMs });
    expect(learner.session(sessionId('lazy'))?.over).toBe(false);
    expect(probabilityOfEnd(learner, 'lazy', nowMs + 1)).toBeLessThan(0.9);
  });

  it('believes an explicit end, until such ends prove wrong', () => {
    const learner = new WorkloadLearner();
    const end = (session: string, atMs: number): void => learner.observe({ type: 'session-end', atMs, by: by(session, 'planner'), reason: 'explicit' });
    call(learner, { session: 'x', agent: 'planner', atMs: 0 });
    end('x', 1);
    expect(learner.session(sessionId('x'))?.over).toBe(true);
    for (let index = 0; index < 40; index++) {
      call(learner, { session: `liar${index}`, agent: 'planner', atMs: 1000 + index });
      end(`liar${index}`, 1000 + index);
      call(learner, { session: `liar${index}`, agent: 'planner', atMs: 2000 + index });
    }
    call(learner, { session: 'y', agent: 'planner', atMs: 9000 });
    end('y', 9001);
    expect(learner.session(sessionId('y'))?.over).toBe(false);
  });

  it('gives a mark of the last call the weight that it has earned, beside all other evidence', () => {
    const learner = new WorkloadLearner();
    // Every call is marked as the last one; in truth the writer's is.
    let nowMs = 0;
    for (let index = 0; index < 60; index++) {
      for (const agent of ['planner', 'coder', 'writer']) call(learner, { session: `p${index}`, agent, atMs: (nowMs += SECOND), final: true });
      nowMs += 30 * SECOND;
    }
    call(learner, { session: 'begun', agent: 'planner', atMs: nowMs, final: true });
    expect(learner.session(sessionId('begun'))?.over).toBe(false);
    expect(probabilityOfEnd(learner, 'begun', nowMs + 1)).toBeLessThan(0.3);
    for (const agent of ['planner', 'coder', 'writer']) call(learner, { session: 'done', agent, atMs: (nowMs += SECOND), final: true });
    expect(probabilityOfEnd(learner, 'done', nowMs + 1)).toBeGreaterThan(0.6);
  });

  it('believes the mark of a last call', () => {
    const learner = new WorkloadLearner();
    call(learner, { session: 'x', agent: 'planner', atMs: 0, final: true });
    expect(probabilityOfEnd(learner, 'x', 1)).toBe(1);
  });

  it('gives a forecast while a call is running, and a sharper one after its end', () => {
    const learner = new WorkloadLearner();
    const nowMs = pipeline(learner, 60);
    call(learner, { session: 'a', agent: 'planner', atMs: nowMs - 1000 });
    const ended = arrive(learner, { session: 'a', agent: 'writer', atMs: nowMs, outputTokens: 500 });
    const running = probabilityOfEnd(learner, 'a', nowMs + 1);
    learner.observe(ended);
    const after = probabilityOfEnd(learner, 'a', nowMs + 1);
    expect(running).toBeGreaterThan(0.2);
    expect(after).toBeGreaterThan(running);
  });

  it('does not mind a request-end that comes after the next arrival of its session', () => {
    const learner = new WorkloadLearner();
    const first = arrive(learner, { session: 'a', agent: 'planner', atMs: 0 });
    const second = arrive(learner, { session: 'a', agent: 'coder', atMs: 100 });
    learner.observe(second);
    learner.observe(first);
    const live = learner.session(sessionId('a'));
    expect(live?.calls).toBe(2);
    const mass = new Float64Array(TIME_BINS);
    if (live !== undefined) learner.nextCall(live, 200, mass);
    expect(mass.every((value) => value >= 0)).toBe(true);
    expect(mass.reduce((sum, value) => sum + value, 0)).toBeLessThanOrEqual(1);
  });

  it('learns nothing from warm-ups', () => {
    const learner = new WorkloadLearner();
    pipeline(learner, 10);
    const before = learner.snapshot();
    call(learner, { session: 'warm', agent: 'planner', atMs: 1e7, warmup: true });
    expect(learner.snapshot()).toEqual(before);
    expect(learner.session(sessionId('warm'))).toBeUndefined();
  });

  it('learns output lengths, tool durations and purity', () => {
    const learner = new WorkloadLearner();
    pipeline(learner, 30);
    const events: Event[] = [];
    for (let index = 0; index < 20; index++) {
      for (const [name, resultHash] of [['read', 'same'], ['clock', `t${index}`]]) {
        events.push({ type: 'tool-end', atMs: index, by: by('s', 'coder'), toolCall: 'c' as never, name, durationMs: name === 'read' ? 150 : 5000, argumentsHash: 'x', resultHash });
      }
    }
    for (const event of events) learner.observe(event);
    const length = learner.predict({ kind: 'output-length', by: by('s', 'writer') });
    expect(length.kind === 'output-length' && length.quantilesTokens.p50).toBeGreaterThan(255);
    const duration = learner.predict({ kind: 'tool-duration', tool: 'read' });
    expect(duration.kind === 'tool-duration' && duration.quantilesMs.p50).toBeLessThan(250);
    const pure = learner.predict({ kind: 'tool-purity', tool: 'read' });
    const impure = learner.predict({ kind: 'tool-purity', tool: 'clock' });
    expect(pure.kind === 'tool-purity' && pure.probability).toBeGreaterThan(0.9);
    expect(impure.kind === 'tool-purity' && impure.probability).toBeLessThan(0.1);
    expect(learner.predict({ kind: 'tool-duration', tool: 'unheard of' }).kind).toBe('unknown');
  });
});

describe('snapshot', () => {
  it('restores to equal forecasts in at most 20 KB at 24 agents', () => {
    const learner = new WorkloadLearner();
    const random = seededRandom(7);
    for (let index = 0; index < 3000; index++) {
      call(learner, { session: `s${Math.floor(index / 10)}`, agent: `agent-number-${Math.floor(random() * 24)}`, atMs: index * 500, outputTokens: Math.floor(random() * 900) });
    }
    const bytes = learner.snapshot();
    expect(bytes.length).toBeLessThanOrEqual(20 * 1024);
    expect(learner.learnedBytes()).toBe(bytes.length);
    const restored = new WorkloadLearner();
    restored.restore(bytes);
    expect(restored.snapshot()).toEqual(bytes);

    // The same new session looks the same to both, once live sessions' expectations are out of the way.
    const copy = new WorkloadLearner();
    copy.restore(bytes);
    for (const each of [restored, copy]) call(each, { session: 'new', agent: 'agent-number-3', atMs: 1e8, outputTokens: 50 });
    for (const query of [
      { kind: 'time-to-next-call', session: sessionId('new'), nowMs: 1e8 + 500 },
      { kind: 'session-end', session: sessionId('new'), nowMs: 1e8 + 500 },
      { kind: 'next-agents', session: sessionId('new') },
      { kind: 'output-length', by: by('new', 'agent-number-3') },
    ] as const) {
      expect(restored.predict(query)).toEqual(copy.predict(query));
      expect(restored.predict(query).kind).toBe(query.kind);
    }
    expect(restored.predict({ kind: 'output-length', by: by('x', 'agent-number-5') })).toEqual(learner.predict({ kind: 'output-length', by: by('x', 'agent-number-5') }));
  });

  it('refuses corrupt, short and newer bytes and stays as it was', () => {
    const learner = new WorkloadLearner();
    pipeline(learner, 10);
    const good = learner.snapshot();
    const flipped = good.slice();
    flipped[good.length >> 1] ^= 1;
    const newer = good.slice();
    newer[4] += 1;
    for (const bad of [flipped, newer, good.slice(0, -3), new Uint8Array(3), new Uint8Array(0)]) {
      expect(() => learner.restore(bad)).toThrowError(expect.objectContaining({ code: 'ENT_SNAPSHOT_INVALID' }));
      expect(() => learner.restore(bad)).toThrow(EntresolError);
    }
    expect(learner.snapshot()).toEqual(good);
  });

  it('stays bounded with 10,000 agents, tools and sessions', () => {
    const learner = new WorkloadLearner();
    for (let index = 0; index < 10_000; index++) {
      call(learner, { session: `s${index}`, agent: `invented-${index}`, atMs: index * 10, tools: [`tool-${index}`] });
      if (index % 3 === 0) call(learner, { session: 'regular', agent: 'orchestrator', atMs: index * 10 });
    }
    expect(learner.learnedBytes()).toBeLessThanOrEqual(20 * 1024);
    const forecast = learner.predict({ kind: 'next-agents', session: sessionId('regular') });
    expect(forecast.kind === 'next-agents' && forecast.agents[0].agent).toBe('orchestrator');
    expect(learner.session(sessionId('s0'))).toBeUndefined();
    expect(learner.session(sessionId('s9999'))).toBeDefined();
  });

  it('grows no more from the five thousandth to the twenty thousandth session, of ten thousand agents', () => {
    const learner = new WorkloadLearner();
    let sessions = 0;
    const play = (until: number): number => {
      for (; sessions < until; sessions++) call(learner, { session: `s${sessions}`, agent: `invented-${sessions % 10_000}`, atMs: sessions * 100, tools: ['read'] });
      expect(learner.learnedBytes()).toBeLessThanOrEqual(20 * 1024);
      return learner.sessionBytes();
    };
    const bytes = play(5_000);
    // How many of them are thought to be live varies a little.
    expect(play(20_000)).toBeLessThanOrEqual(bytes * 1.05);
    // 4,096 are remembered.
    expect(bytes / 4096).toBeLessThanOrEqual(216);
  }, 60_000);
});
