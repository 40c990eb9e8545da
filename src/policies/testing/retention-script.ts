/** A few lines to drive a retention policy by hand in tests: named units, calls, evictions. */
import {
  LOCAL_TENANT, agentId, defaultParameters, instanceId, seededRandom, sessionId, unitId, workloadId,
  type PolicyDefinition, type RetentionIndex, type UnitId,
} from '../../core/index.ts';
import { createLearnerSource } from '../../learner/index.ts';

export class RetentionScript {
  readonly index: RetentionIndex;
  readonly #units = new Map<string, UnitId>();
  #nowMs = 0;

  /** @param parameters in place of the definition's defaults */
  constructor(definition: PolicyDefinition, parameters: Readonly<Record<string, number>> = {}) {
    const instance = definition.create({
      tenant: LOCAL_TENANT,
      clock: { nowMs: () => this.#nowMs },
      random: seededRandom(1),
      parameters: Object.assign(defaultParameters(definition.parameters), parameters),
      learners: createLearnerSource(),
      cache: { capacityBlocks: 100, blockTokens: 16 },
    });
    if (instance.score?.retention === undefined) throw new TypeError(`${definition.name} retains nothing`);
    this.index = instance.score.retention;
  }

  /** A call, one second after the one before. Chains are texts of unit names: each unit hangs from the one before it. */
  call(session: string, agent: string, prompt: string, output = ''): void {
    this.#nowMs += 1000;
    const by = { tenant: LOCAL_TENANT, workload: workloadId('w'), session: sessionId(session), agent: agentId(agent), instance: instanceId(agent), step: 0 };
    const chain = Int32Array.from([...prompt, ...output].map((name, index, names) => this.#define(name, names[index - 1])));
    this.index.touch({ by, units: chain.subarray(0, prompt.length), first: 0, origin: 'prompt' }, this.#nowMs);
    this.index.touch({ by, units: chain, first: prompt.length, origin: 'output' }, this.#nowMs);
    for (const unit of chain) this.index.setResident(unit as UnitId, true);
  }

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

  #define(name: string, parent: string | undefined): UnitId {
    const known = this.#units.get(name);
    if (known !== undefined) return known;
    const id = unitId(this.#units.size);
    this.#units.set(name, id);
    this.index.define({ id, ...(parent === undefined ? {} : { parent: this.unit(parent) }), sizeBlocks: 1, marginalPrefillMs: 2 });
    return id;
  }
}
