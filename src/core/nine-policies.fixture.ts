/**
 * The nine policies of the design, each in the fewest lines that show what it needs: the events it observes, the
 * decisions it answers, the forecasts it reads, the intents it has. Sketches, to prove that the core carries them.
 */
import {
  definePolicy, retentionFactor,
  type CacheTarget, type Coordinate, type Intent, type ReplicaId, type RequestId, type RetentionIndex, type ToolCallView, type ToolResult, type UnitId,
} from './index.ts';

const lineage = (by: Coordinate): CacheTarget => ({ kind: 'lineage', tenant: by.tenant, workload: by.workload, session: by.session, agent: by.agent });

/** Worth by last use; a lineage is demoted when its session waits for a tool, and prefetched when it is about to return. */
export const cacheSage = definePolicy({
  name: 'sketch-cache-sage', summary: 'Retention and prefetch.', decisions: ['retention'], intents: ['retain', 'demote', 'prefetch', 'evict'],
  create: ({ learners }) => {
    const usedAtMs = new Map<UnitId, number>();
    const wanted: Intent[] = [];
    const index: RetentionIndex = {
      define: () => {}, setResident: () => {}, forget: (unit) => { usedAtMs.delete(unit); },
      touch: ({ units }, nowMs) => { for (const unit of units) usedAtMs.set(unit as UnitId, nowMs); },
      value: (unit, nowMs) => 1 / (1 + nowMs - (usedAtMs.get(unit) ?? 0)),
      victims: () => [...usedAtMs].sort((a, b) => a[1] - b[1]).map(([unit]) => unit),
      leases: () => [], stateBytes: () => ({ learned: 0, working: 16 * usedAtMs.size, ghosts: 0 }),
    };
    return {
      score: { retention: index },
      observe(event) {
        if (event.type === 'tool-start') wanted.push({ kind: 'demote', target: lineage(event.by), tier: 'host' });
        if (event.type === 'tool-end') wanted.push({ kind: 'prefetch', target: lineage(event.by) });
        if (event.type === 'session-end') wanted.push({ kind: 'evict', target: lineage(event.by) });
        if (event.type !== 'request-end') return;
        const next = learners.of(event.by.tenant, event.by.workload).predict({ kind: 'time-to-next-call', session: event.by.session, nowMs: event.atMs });
        wanted.push({ kind: 'retain', target: lineage(event.by), untilMs: event.atMs + (next.kind === 'time-to-next-call' ? next.quantilesMs.p90 : 1000) });
      },
      act: () => wanted.splice(0),
    };
  },
});

/** Holds new sessions while the running ones fill the cache; calls of one agent go together. */
export const batchShaping = definePolicy({
  name: 'sketch-batch-shaping', summary: 'Working-set admission and grouping.', decisions: ['admission', 'order'], role: 'affinity',
  create: ({ cache, clock }) => {
    const tokens = new Map<string, number>();
    let lastAgent = '';
    return {
      observe(event) {
        if (event.type === 'request-end') { tokens.set(event.by.session, event.promptTokens + event.outputTokens); lastAgent = event.by.agent; }
        if (event.type === 'session-end') tokens.delete(event.by.session);
      },
      score: {
        admission(request) {
          const used = [...tokens.values()].reduce((sum, each) => sum + each, 0);
          const capacity = cache === undefined ? Infinity : cache.capacityBlocks * cache.blockTokens;
          return tokens.has(request.by.session) || used + request.promptTokens <= capacity ? { kind: 'allow' } : { kind: 'hold', untilMs: clock.nowMs() + 100 };
        },
        order: (waiting, scores) => waiting.forEach((request, index) => { scores[index] = request.by.agent === lastAgent ? 1 : 0; }),
      },
    };
  },
});

/** Starts a read-only tool call as soon as its arguments have streamed, and warms the next step. */
export const speculation = definePolicy({
  name: 'sketch-speculation', summary: 'Starts what will certainly be asked.', intents: ['speculate', 'prefetch'],
  create: ({ learners }) => {
    const streamed: Intent[] = [];
    return {
      observe(event) {
        if (event.type !== 'tool-call-streamed') return;
        const purity = learners.of(event.by.tenant, event.by.workload).predict({ kind: 'tool-purity', tool: event.name });
        if (purity.kind === 'tool-purity' && purity.probability < 0.9) return;
        const toolCall: ToolCallView = {
          id: event.toolCall, by: event.by, name: event.name, arguments: JSON.parse(event.argumentsJson) as Record<string, unknown>, argumentsHash: event.argumentsHash ?? '', taint: [],
        };
        streamed.push({ kind: 'speculate', toolCall }, { kind: 'prefetch', target: lineage(event.by) });
      },
      act: (moment) => (moment.kind === 'tool-call-streamed' ? streamed.splice(0) : []),
    };
  },
});

/** Whoever has had the fewest tokens goes first. */
export const fairness = definePolicy({
  name: 'sketch-fairness', summary: 'Weighted fair share.', decisions: ['order'], role: 'rank',
  create: () => {
    const attained = new Map<string, number>();
    return {
      observe: (event) => {
        if (event.type === 'request-end') attained.set(event.by.workload, (attained.get(event.by.workload) ?? 0) + event.promptTokens - event.cachedTokens + 4 * event.outputTokens);
      },
      score: { order: (waiting, scores) => waiting.forEach((request, index) => { scores[index] = -(attained.get(request.by.workload) ?? 0); }) },
    };
  },
});

/** Answers a tool call whose result is known; a write forgets all. */
export const toolMemo = definePolicy({
  name: 'sketch-tool-memo', summary: 'Is the result known?', decisions: ['tool-call'], intents: ['memoise'],
  create: () => {
    const known = new Map<string, ToolResult>();
    const fresh: Intent[] = [];
    return {
      observe(event) {
        if (event.type !== 'tool-end' || event.call === undefined || event.result === undefined) return;
        if (event.name.startsWith('write')) known.clear();
        else {
          known.set(event.call.argumentsHash, event.result);
          fresh.push({ kind: 'memoise', toolCall: event.call, result: event.result, ttlMs: 60_000 });
        }
      },
      score: {
        toolCall(call) {
          const result = known.get(call.argumentsHash);
          return result === undefined ? { kind: 'allow' } : { kind: 'answer', result };
        },
      },
      act: () => fresh.splice(0),
    };
  },
});

/** No writing after untrusted data has been read, unless a person says yes. */
export const safety = definePolicy({
  name: 'sketch-safety', summary: 'May this agent do this?', decisions: ['tool-call', 'admission'], failure: 'closed',
  create: () => ({
    score: {
      toolCall(call) {
        if (call.by.agent === 'reviewer' && call.name.startsWith('write')) return { kind: 'deny', code: 'ENT_REJECTED_BY_POLICY', why: 'reviewers only read' };
        return call.taint.length > 0 && call.name.startsWith('write') ? { kind: 'approve', why: `the context has read ${call.taint.join()}` } : { kind: 'allow' };
      },
      admission: (request) => (request.tools.includes('shell') ? { kind: 'reject', code: 'ENT_REJECTED_BY_POLICY', why: 'no shell here' } : { kind: 'allow' }),
    },
  }),
});

/** Prefix overlap against load; a session stays where it is. */
export const placement = definePolicy({
  name: 'sketch-placement', summary: 'Which replica?', decisions: ['placement'],
  create: () => {
    const homes = new Map<string, ReplicaId>();
    return {
      observe: (event) => {
        if (event.type === 'request-dispatch') homes.set(event.by.session, event.replica);
        if (event.type === 'engine-down') for (const [session, home] of homes) if (home === event.replica) homes.delete(session);
      },
      score: {
        placement: (request, replicas, scores) => replicas.forEach((replica, index) => {
          const overlap = replica.residentTokens / Math.max(1, request.promptTokens);
          scores[index] = overlap + (homes.get(request.by.session) === replica.id ? 0.5 : 0) - 0.1 * (replica.runningRequests + replica.waitingRequests);
        }),
      },
    };
  },
});

/** Tokens are reserved before dispatch and settled at the end; a workload over its limit is rejected, what still runs is cancelled. */
export const budget = definePolicy({
  name: 'sketch-budget', summary: 'Hard limits.', decisions: ['admission'], intents: ['cancel'], failure: 'closed',
  parameters: { tokens: { default: 1000, minimum: 1, description: 'Tokens per workload.' } },
  create: ({ parameters }) => {
    const spent = new Map<string, number>();
    const asked = new Map<RequestId, number>();
    const reserved = new Map<RequestId, { workload: string; tokens: number }>();
    const total = (workload: string): number => [...reserved.values()].filter((each) => each.workload === workload).reduce((sum, { tokens }) => sum + tokens, spent.get(workload) ?? 0);
    return {
      observe(event) {
        if (event.type === 'request-admit') reserved.set(event.request, { workload: event.by.workload, tokens: asked.get(event.request) ?? 0 });
        if (event.type !== 'request-end') return;
        reserved.delete(event.request);
        asked.delete(event.request);
        spent.set(event.by.workload, (spent.get(event.by.workload) ?? 0) + event.promptTokens + event.outputTokens);
      },
      score: {
        admission(request) {
          const needed = request.promptTokens + (request.maxOutputTokens ?? 0);
          asked.set(request.id, needed);
          if (total(request.by.workload) + needed <= parameters.tokens) return { kind: 'allow' };
          return { kind: 'reject', code: 'ENT_REJECTED_BY_POLICY', why: 'the token budget of the workload is spent', retryAfterMs: 60_000 };
        },
      },
      act: () => [...reserved].filter(([, { workload }]) => (spent.get(workload) ?? 0) > parameters.tokens)
        .map(([request]) => ({ kind: 'cancel', request, why: 'the workload is over its budget' })),
    };
  },
});

/** A call without a first token after a second is also sent to another replica. */
export const hedging = definePolicy({
  name: 'sketch-hedging', summary: 'Duplicates slow calls.', intents: ['hedge', 'cancel'],
  create: () => {
    const slow = new Map<RequestId, { replica: ReplicaId; atMs: number }>();
    const replicas = new Set<ReplicaId>();
    return {
      observe(event) {
        if (event.type === 'engine-up') replicas.add(event.replica);
        if (event.type === 'engine-down') replicas.delete(event.replica);
        if (event.type === 'request-dispatch') slow.set(event.request, { replica: event.replica, atMs: event.atMs });
        if (event.type === 'first-token' || event.type === 'request-end') slow.delete(event.request);
      },
      act(moment) {
        const hedges: Intent[] = [];
        for (const [request, { replica, atMs }] of slow) {
          const other = [...replicas].find((each) => each !== replica);
          if (other === undefined || moment.atMs - atMs < 1000) continue;
          slow.delete(request);
          hedges.push({ kind: 'hedge', request, replica: other });
        }
        return hedges;
      },
    };
  },
});

/** Not one of the nine: what another policy may add to retention. */
export const retentionBonus = definePolicy({
  name: 'sketch-retention-bonus', summary: 'Doubles the worth of even units.', decisions: ['retention'], retentionRole: 'factor',
  create: () => ({
    score: {
      retention: {
        define: () => {}, touch: () => {}, setResident: () => {}, forget: () => {}, value: (unit) => retentionFactor(unit % 2 === 0 ? 2 : 1),
        victims: () => [], leases: () => [], stateBytes: () => ({ learned: 0, working: 0, ghosts: 0 }),
      },
    },
  }),
});

export const NINE_POLICIES = [cacheSage, batchShaping, speculation, fairness, toolMemo, safety, placement, budget, hedging] as const;
