import { describe, expect, it } from 'vitest';
import { RetentionScript } from '../../testing/retention-script.ts';
import { saga } from './policy.ts';

describe('saga', () => {
  it("keeps all that a session used for its step's lifetime, and then lets it go first", () => {
    const script = new RetentionScript(saga, { coldStartLifetimeMs: 5000 });
    script.turn('one', 'planner', 'ab');
    script.pass(4000);
    script.turn('two', 'planner', 'xy');
    script.turn('one', 'coder', 'c'); // the session lives on, the planner's part with it
    script.pass(4000);
    expect(script.victims()).toBe('bayxc');
    script.turn('two', 'planner', 'xy');
    script.pass(2000); // one: 6,000 ms since its last call
    expect(script.victims()).toBe('bacyx');
  });

  it('learns the lifetime by agent and tool', () => {
    const script = new RetentionScript(saga, { leastSamples: 2, coldStartLifetimeMs: 0 });
    for (let turn = 0; turn < 3; turn++) {
      script.turn('one', 'planner', 'a', ['slow']);
      script.pass(10_000);
    }
    for (let turn = 0; turn < 3; turn++) {
      script.turn('one', 'planner', 'a', ['fast']);
      script.pass(1000);
    }
    script.turn('one', 'planner', 'a', ['slow']);
    script.turn('two', 'planner', 'b', ['fast']);
    // Fast steps were followed within a bin that ends at 1,131 ms, slow ones within one that ends at 12,800.
    script.pass(2000);
    expect(script.victims()).toBe('ba');
    script.pass(11_000);
    expect(script.victims()).toBe('ab');
  });

  it('ranks a step that most sessions end with below the others', () => {
    const script = new RetentionScript(saga, { leastSamples: 2 });
    for (let session = 0; session < 4; session++) {
      script.turn(`s${session}`, 'planner', 'p', ['search']);
      script.pass(1000);
      script.turn(`s${session}`, 'planner', 'p', ['finish']);
      script.pass(1000);
    }
    script.pass(60_000); // all four are silent for too long
    script.turn('one', 'planner', 'a', ['search']);
    script.turn('two', 'planner', 'b', ['finish']);
    // One used longer ago, two ended with what four of four sessions ended with; p, which several share, is oldest of all.
    expect(script.victims()).toBe('bpa');
  });

  it('keeps what several sessions use by its last use alone', () => {
    const script = new RetentionScript(saga, { coldStartLifetimeMs: 1000 });
    script.turn('one', 'planner', 'p');
    script.turn('two', 'planner', 'p');
    script.turn('two', 'coder', 'c');
    script.pass(2000);
    expect(script.victims()).toBe('cp');
  });
});
