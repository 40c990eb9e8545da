/** Runs a course of steps against one instance of a policy, checks every answer, and notes it for comparison. */
import { expect } from 'vitest';
import {
  ERRORS, seededRandom,
  type AdmissionVerdict, type Forecast, type Intent, type LearnerSource, type Moment, type PolicyDefinition, type PolicyInstance, type RetentionIndex, type ToolCallVerdict, type UnitId, parameterValues,
} from '../core/index.ts';
import { CacheModel } from './cache-model.fixture.ts';
import { CONTRACT_TENANT, coordinateOf, eventOf, momentOf, queriesOf, replicasOf, requestOf, toolCallOf, type Step, type Who } from './steps.fixture.ts';

const CAPACITY_BLOCKS = 40;

export class PolicyDriver {
  readonly instance: PolicyInstance;
  readonly index?: RetentionIndex;
  readonly cache?: CacheModel;
  /** Every answer, in order. */
  readonly answers: unknown[] = [];
  readonly #definition: PolicyDefinition;
  readonly #learners: LearnerSource;
  #nowMs = 1_000_000;
  #calls = 0;

  constructor(definition: PolicyDefinition, learners: LearnerSource) {
    this.#definition = definition;
    this.#learners = learners;
    this.instance = definition.create({
      tenant: CONTRACT_TENANT, clock: { nowMs: () => this.#nowMs }, random: seededRandom(7), parameters: parameterValues(definition.parameters),
      learners, cache: { capacityBlocks: CAPACITY_BLOCKS, blockTokens: 16 },
    });
    const index = this.instance.score?.retention;
    if (index === undefined) return;
    this.index = index;
    this.cache = new CacheModel(index);
  }

  run(steps: readonly Step[]): this {
    for (const step of steps) this.step(step);
    return this;
  }

  step(step: Step): void {
    switch (step.do) {
      case 'event': this.#observe(eventOf(step, this.#nowMs)); break;
      case 'call': this.#call(step); break;
      case 'close': this.#close(step.who); break;
      case 'evict': this.#evict(step.blocks, step.pinned, true); break;
      case 'forget': this.cache?.forgetAbsent(); break;
      case 'pass': this.#nowMs += step.ms; break;
      case 'decide': this.#decide(step.who, step.size); break;
      case 'act': this.#act(step.moment, step.who); break;
    }
  }

  #observe(event: Parameters<NonNullable<PolicyInstance['observe']>>[0]): void {
    if ('by' in event) this.#learners.of(event.by.tenant, event.by.workload).observe(event);
    this.instance.observe?.(event);
  }

  #call({ who, grown, answered, tools }: Extract<Step, { do: 'call' }>): void {
    const by = coordinateOf(who);
    const request = requestOf(who, 1000 + this.#calls++, this.#nowMs, tools);
    const base = { by, request: request.id };
    this.#observe({ type: 'request-arrive', atMs: this.#nowMs, ...base, model: 'm', promptTokens: request.promptTokens, warmup: false });
    this.#checkAdmission(this.instance.score?.admission?.(request));
    this.#nowMs += 20;
    this.#observe({ type: 'first-token', atMs: this.#nowMs, ...base, ttftMs: 20 });
    this.cache?.call(by, grown, answered, this.#nowMs);
    this.#observe({
      type: 'request-end', atMs: this.#nowMs, ...base, status: 'ok', promptTokens: request.promptTokens, cachedTokens: 0, outputTokens: 16 * answered,
      stop: tools.length > 0 ? 'tool_calls' : 'stop', tools, warmup: false,
    });
    if (this.cache === undefined) return;
    const surplus = this.cache.residentBlocks - CAPACITY_BLOCKS;
    if (surplus > 0) this.#evict(surplus, who, false);
  }

  #close(who: Who): void {
    this.#observe({ type: 'session-end', atMs: this.#nowMs, by: coordinateOf(who), reason: 'explicit' });
    this.cache?.close(coordinateOf(who));
  }

  #evict(blocks: number, pinnedBy: Who, checkValues: boolean): void {
    const { cache, index } = this;
    if (cache === undefined || index === undefined) return;
    const pinned = new Set(cache.chainOf(coordinateOf(pinnedBy)));
    const freeable = cache.freeable(pinned);
    const victims: UnitId[] = [];
    const gone = new Set<UnitId>();
    const goneChildren = new Map<UnitId, number>();
    let freed = 0;
    for (const id of index.victims(blocks, (unit) => pinned.has(unit), this.#nowMs)) {
      const unit = cache.units.get(id);
      expect({
        id, pinned: pinned.has(id), resident: unit?.resident, namedBefore: gone.has(id), childrenLeft: (unit?.residentChildren ?? 0) - (goneChildren.get(id) ?? 0),
      }).toEqual({ id, pinned: false, resident: true, namedBefore: false, childrenLeft: 0 });
      gone.add(id);
      if (unit?.parent !== undefined) goneChildren.set(unit.parent, (goneChildren.get(unit.parent) ?? 0) + 1);
      victims.push(id);
      freed += cache.unit(id).sizeBlocks;
    }
    expect(freed, 'victims free what was asked for').toBeGreaterThanOrEqual(Math.min(blocks, freeable));
    this.answers.push(victims);
    if (checkValues) this.#checkValues(index, cache);
    cache.evict(victims);
  }

  #checkValues(index: RetentionIndex, cache: CacheModel): void {
    for (const [id, unit] of cache.units) {
      if (!unit.resident) continue;
      const value = index.value(id, this.#nowMs);
      expect(Number.isFinite(value) && value >= 0, `value ${value} of unit ${id}`).toBe(true);
      this.answers.push(value);
    }
    const leases = index.leases(this.#nowMs, 5);
    expect(leases.length).toBeLessThanOrEqual(5);
    for (const lease of leases) for (const { value } of lease.steps) expect(Number.isFinite(value) && value >= 0).toBe(true);
    for (const bytes of Object.values(index.stateBytes())) expect(Number.isFinite(bytes) && bytes >= 0).toBe(true);
  }

  #decide(who: Who, size: number): void {
    const { score } = this.instance;
    const requests = Array.from({ length: size }, (_, number) => requestOf({ ...who, session: (who.session + number) % 5 }, number, this.#nowMs - 100 * number));
    const replicas = replicasOf(size);
    this.#checkAdmission(score?.admission?.(requestOf(who, 1, this.#nowMs)));
    this.#checkToolCall(score?.toolCall?.(toolCallOf(who, size)));
    if (score?.order !== undefined) {
      const scores = new Float64Array(size).fill(NaN);
      score.order(requests, scores);
      for (const value of scores) expect(Number.isFinite(value), `order score ${value}`).toBe(true);
      this.answers.push([...scores]);
    }
    if (score?.placement !== undefined) {
      const scores = new Float64Array(size).fill(NaN);
      score.placement(requestOf(who, 1, this.#nowMs), replicas, scores);
      for (const value of scores) expect(Number.isFinite(value) || value === -Infinity, `placement score ${value}`).toBe(true);
      this.answers.push([...scores]);
    }
    if (this.instance.predict !== undefined) for (const query of queriesOf(who, this.#nowMs)) this.#checkForecast(query.kind, this.instance.predict(query));
  }

  #checkAdmission(verdict: AdmissionVerdict | undefined): void {
    if (verdict === undefined) return;
    this.answers.push(verdict);
    expect(['allow', 'hold', 'reject']).toContain(verdict.kind);
    if (verdict.kind === 'hold') expect(Number.isFinite(verdict.untilMs)).toBe(true);
    if (verdict.kind === 'reject') expect([Object.hasOwn(ERRORS, verdict.code), verdict.why.length > 0]).toEqual([true, true]);
  }

  #checkToolCall(verdict: ToolCallVerdict | undefined): void {
    if (verdict === undefined) return;
    this.answers.push(verdict);
    expect(['allow', 'answer', 'approve', 'deny']).toContain(verdict.kind);
    if (verdict.kind === 'deny') expect([Object.hasOwn(ERRORS, verdict.code), verdict.why.length > 0]).toEqual([true, true]);
  }

  #checkForecast(kind: string, forecast: Forecast): void {
    this.answers.push(forecast);
    expect([kind, 'unknown']).toContain(forecast.kind);
    if (forecast.kind === 'next-agents') expect(forecast.agents.reduce((sum, { probability }) => sum + probability, forecast.end)).toBeCloseTo(1, 6);
  }

  #act(kind: Moment['kind'], who: Who): void {
    for (const intent of this.instance.act?.(momentOf(kind, who, this.#nowMs)) ?? []) {
      expect(this.#definition.intents).toContain(intent.kind);
      expect(tenantOf(intent) ?? CONTRACT_TENANT).toBe(CONTRACT_TENANT);
      this.answers.push(intent);
    }
  }

  /** Bytes that the policy says it holds. */
  stateBytes(): number {
    if (this.index === undefined) return this.instance.snapshot?.().byteLength ?? 0;
    const { learned, working, ghosts } = this.index.stateBytes();
    return learned + working + ghosts;
  }
}

function tenantOf(intent: Intent): string | undefined {
  if ('toolCall' in intent) return intent.toolCall.by.tenant;
  return 'target' in intent && intent.target.kind === 'lineage' ? intent.target.tenant : undefined;
}
