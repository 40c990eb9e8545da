/** A few lines to drive a retention policy by hand in tests: named units, calls, evictions. */
import {
  LOCAL_TENANT, agentId, defaultParameters, instanceId, requestId, seededRandom, sessionId, unitId, workloadId,
  type Coordinate, type PolicyDefinition, type PolicyInstance, type RetentionIndex, type UnitId,
} from '../../core/index.ts';
import { createLearnerSource } from '../../learner/index.ts';

export class RetentionScript {
  readonly index: RetentionIndex;
  readonly #instance: PolicyInstance;
  readonly #units = new Map<string, UnitId>();
  #nowMs = 0;

  /** @param parameters in place of the definition's defaults */
  constructor(definition: PolicyDefinition, parameters: Readonly<Record<string, number | boolean>> = {}, capacityBlocks = 100) {
    const instance = definition.create({
      tenant: LOCAL_TENANT,
      clock: { nowMs: () => this.#nowMs },
      random: seededRandom(1),
      parameters: Object.assign(defaultParameters(definition.parameters), parameters),
      learners: createLearnerSource(),
      cache: { capacityBlocks, blockTokens: 16 },
    });
    if (instance.score?.retention === undefined) throw new TypeError(`${definition.name} retains nothing`);
    this.index = instance.score.retention;
    this.#instance = instance;
  }

  /** A call, one second after the one before. Chains are texts of unit names: each unit hangs from the one before it. */
  call(session: string, agent: string, prompt: string, output = ''): void {
    this.begin(session, agent, prompt, output);
    this.end(session, agent, prompt, output);
  }

  /** The call arrives; all its blocks are resident from now on. */
  begin(session: string, agent: string, prompt: string, output = ''): void {
    this.#nowMs += 1000;
    const chain = this.#chain(prompt + output);
    this.index.touch({ by: coordinate(session, agent), units: chain.subarray(0, prompt.length), first: 0, origin: 'prompt' }, this.#nowMs);
    for (const unit of chain) this.index.setResident(unit as UnitId, true);
  }

  /** It ends: its answer is touched. */
  end(session: string, agent: string, prompt: string, output = ''): void {
    this.index.touch({ by: coordinate(session, agent), units: this.#chain(prompt + output), first: prompt.length, origin: 'output' }, this.#nowMs);
  }

  /** A call with its events, now: it arrives, and has ended at once with these tool calls. */
  turn(session: string, agent: string, prompt: string, tools: readonly string[] = [], stop?: string): void {
    const by = coordinate(session, agent);
    const base = { atMs: this.#nowMs, by, request: requestId(`${session} at ${this.#nowMs}`), promptTokens: 16 * prompt.length, warmup: false };
    this.#instance.observe?.({ ...base, type: 'request-arrive', model: 'm' });
    this.#nowMs -= 1000;
    this.begin(session, agent, prompt);
    this.#instance.observe?.({ ...base, type: 'request-end', status: 'ok', cachedTokens: 0, outputTokens: 10, tools, ...(stop === undefined ? {} : { stop }) });
    this.end(session, agent, prompt);
  }

  pass(ms: number): void { this.#nowMs += ms; }

  /** The names of the first `count` victims, in order; nothing is dropped. */
  victims(count = Infinity, pinned = ''): string {
    const names = new Map([...this.#units].map(([name, unit]) => [unit, name]));
    const chosen: string[] = [];
    for (const unit of this.index.victims(count, (id) => pinned.includes(names.get(id) ?? ' '), this.#nowMs)) {
      if (chosen.length === count) break;
      chosen.push(names.get(unit) ?? '?');
    }
    return chosen.join('');
  }

  drop(names: string): void {
    for (const name of names) this.index.setResident(this.unit(name), false);
  }

  value(name: string): number { return this.index.value(this.unit(name), this.#nowMs); }

  unit(name: string): UnitId {
    const unit = this.#units.get(name);
    if (unit === undefined) throw new RangeError(`no unit ${name}`);
    return unit;
  }

  #chain(names: string): Int32Array {
    return Int32Array.from([...names].map((name, index) => this.#define(name, names[index - 1])));
  }

  #define(name: string, parent: string | undefined): UnitId {
    const known = this.#units.get(name);
    if (known !== undefined) return known;
    const id = unitId(this.#units.size);
    this.#units.set(name, id);
    this.index.define({ id, ...(parent === undefined ? {} : { parent: this.unit(parent) }), sizeBlocks: 1, marginalPrefillMs: 2 });
    return id;
  }
}

function coordinate(session: string, agent: string): Coordinate {
  return { tenant: LOCAL_TENANT, workload: workloadId('w'), session: sessionId(session), agent: agentId(agent), instance: instanceId(agent), step: 0 };
}
