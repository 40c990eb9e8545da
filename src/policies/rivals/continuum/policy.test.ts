import { describe, expect, it } from 'vitest';
import { RetentionScript } from '../../testing/retention-script.ts';
import { continuum } from './policy.ts';

describe('continuum', () => {
  it('pins what the call of a tool used, until its time to live is over', () => {
    const script = new RetentionScript(continuum, { coldStartTtlMs: 2000 });
    script.turn('one', 'planner', 'ab', ['search']);
    script.turn('two', 'planner', 'xy');
    expect(script.victims()).toBe('yxba');
    script.pass(1999);
    expect(script.victims()).toBe('yxba');
    script.pass(1);
    expect(script.victims()).toBe('bayx');
  });

  it('gives up the pins of the program that came last first', () => {
    const script = new RetentionScript(continuum);
    script.turn('one', 'planner', 'a', ['search']);
    script.turn('two', 'planner', 'b', ['search']);
    script.turn('one', 'planner', 'c', ['search']);
    // a is no longer what its program's last call used.
    expect(script.victims()).toBe('abc');
  });

  it('learns the time to live by tool: a slow one is not waited for', () => {
    const script = new RetentionScript(continuum, { leastSamples: 2 }, 10);
    const use = (tool: string, ms: number): void => {
      script.turn('one', 'planner', 'a', [tool]);
      script.pass(ms);
    };
    for (let turn = 0; turn < 3; turn++) use('fast', 1);
    for (let turn = 0; turn < 3; turn++) use('slow', 5000);
    script.turn('one', 'planner', 'a', ['fast']);
    script.turn('two', 'planner', 'b');
    // Worth 2 ms, a tenth of the cache: the fast tool's bin ends at 141 ms; the bin's middle is 119 ms, which costs 12.
    expect(script.victims()).toBe('ab');
    // The price falls with the share of the cache: one block of a thousand costs 0.12 ms for the fast tool, 5 for the slow one.
    const large = new RetentionScript(continuum, { leastSamples: 2 }, 1000);
    const teach = (tool: string, ms: number): void => {
      for (let turn = 0; turn < 3; turn++) {
        large.turn('one', 'planner', 'a', [tool]);
        large.pass(ms);
      }
    };
    teach('fast', 1);
    teach('slow', 5000);
    large.turn('one', 'planner', 'a', ['slow']);
    large.turn('two', 'planner', 'b');
    expect(large.victims()).toBe('ab');
    large.turn('one', 'planner', 'a', ['fast']);
    large.turn('two', 'planner', 'b');
    expect(large.victims()).toBe('ba');
  });

  it('pins answers without tools where it is told to', () => {
    const script = new RetentionScript(continuum, { handOvers: true });
    script.turn('one', 'planner', 'a');
    script.turn('two', 'planner', 'b');
    script.pass(500);
    expect(script.victims()).toBe('ba');
  });
});
