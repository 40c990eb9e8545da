/** What every policy must do, whatever it decides. Registered policies and the examples run through it. */
import { readFileSync } from 'node:fs';
import { assert, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EntresolError, parameterValues, type Decision, type LearnerSource, type PolicyDefinition, type Scores } from '../core/index.ts';
import { PolicyDriver } from './policy.driver.fixture.ts';
import { coordinateOf, steps, type Step } from './steps.fixture.ts';

const FACES: Readonly<Record<Decision, keyof Scores>> = { admission: 'admission', order: 'order', placement: 'placement', retention: 'retention', 'tool-call': 'toolCall' };
const DECISIONS = Object.keys(FACES) as Decision[];

export interface PolicyContractOptions {
  /** The README beside the policy, with a table that names each parameter. */
  readonly readme: URL;
  /** Fresh learners for each instance. */
  learners(): LearnerSource;
}

export function policyContract(definition: PolicyDefinition, options: PolicyContractOptions): void {
  const fresh = (): PolicyDriver => new PolicyDriver(definition, options.learners());

  describe(`policy contract: ${definition.name}`, () => {
    it('says what it is, decides what it declares, and has sound parameters', () => {
      expect(definition.summary.length).toBeGreaterThan(0);
      expect(() => parameterValues(definition.parameters, parameterValues(definition.parameters))).not.toThrow();
      for (const { description } of Object.values(definition.parameters)) expect(description.length).toBeGreaterThan(0);
      const { instance } = fresh();
      for (const decision of DECISIONS) {
        expect(instance.score?.[FACES[decision]] !== undefined, `face ${FACES[decision]} and decision ${decision}`).toBe(definition.decisions.includes(decision));
      }
      expect(instance.act !== undefined || definition.intents.length === 0).toBe(true);
    });

    it('is documented: its README names every parameter in a table', () => {
      const readme = readFileSync(options.readme, 'utf8');
      expect(readme).toContain(definition.name);
      for (const name of Object.keys(definition.parameters)) expect(readme).toMatch(new RegExp(`\\|\\s*\`${name}\`\\s*\\|`));
    });

    it('never throws and answers soundly, whatever comes', () => {
      assert(property(steps, (course) => { fresh().run(course); }), { numRuns: 60 });
    });

    it('answers the same way when the same things happen', () => {
      assert(property(steps, (course) => {
        expect(fresh().run(course).answers).toEqual(fresh().run(course).answers);
      }), { numRuns: 20 });
    });

    it('takes up its snapshot again, and survives one that is corrupt', () => {
      assert(property(steps, steps, (before, after) => {
        const first = fresh().run(before);
        const bytes = first.instance.snapshot?.();
        expect(bytes === undefined).toBe(first.instance.restore === undefined);
        if (bytes === undefined) return;
        const second = fresh();
        second.instance.restore?.(bytes);
        expect(second.instance.snapshot?.()).toEqual(bytes);
        try {
          second.instance.restore?.(bytes.subarray(0, Math.floor(bytes.length / 2)));
        } catch (error) {
          expect(error).toBeInstanceOf(EntresolError);
        }
        second.run(after);
      }), { numRuns: 15 });
    });

    it('stays bounded over 10,000 sessions', () => {
      const driver = fresh();
      let halfBytes = 0;
      for (let session = 0; session < 10_000; session++) {
        const who = { session, agent: session % 24, workload: session % 2 };
        driver.run(session % 2 === 0 ? [callOf(who, session), { do: 'close', who }] : [callOf(who, session)]);
        // What a client does not end, an engine forgets at last.
        if (session % 2 === 1) driver.cache?.close(coordinateOf(who));
        driver.run([{ do: 'pass', ms: 500 }]);
        if (session % 50 === 0) driver.run([{ do: 'forget' }]);
        if (session === 5000) halfBytes = driver.stateBytes();
      }
      expect(driver.stateBytes()).toBeLessThanOrEqual(halfBytes * 1.25 + 65_536);
    });
  });
}

function callOf(who: { session: number; agent: number; workload: number }, number: number): Step {
  return { do: 'call', who, grown: 1 + (number % 3), answered: number % 2, tools: number % 4 === 0 ? ['search'] : [] };
}
