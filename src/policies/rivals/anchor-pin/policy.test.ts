import { describe, expect, it } from 'vitest';
import { RetentionScript } from '../../testing/retention-script.ts';
import { anchorPin } from './policy.ts';

describe('anchor-pin', () => {
  it('evicts blocks that one agent has used in two sessions last, each class by recency', () => {
    const script = new RetentionScript(anchorPin);
    script.call('one', 'planner', 'ab', 'c');
    script.call('two', 'planner', 'ab', 'd'); // a and b are the planner's anchor now
    script.call('two', 'coder', 'xy', 'z');
    script.call('three', 'coder', 'xy', 'w'); // and x and y the coder's
    script.call('three', 'tester', 't');
    expect(script.victims()).toBe('cdzwtbayx');
  });

  it('does not take two agents of different sessions for one agent in two sessions', () => {
    const script = new RetentionScript(anchorPin);
    script.call('one', 'planner', 'ab');
    script.call('two', 'coder', 'ab'); // one session each: no anchor
    script.call('two', 'tester', 'x');
    expect(script.victims()).toBe('bax');
    script.call('three', 'coder', 'a'); // the coder's second session, for a alone
    expect(script.victims()).toBe('bxa');
  });

  it('counts prompts, not answers', () => {
    const script = new RetentionScript(anchorPin);
    script.call('one', 'planner', 'a', 'b');
    script.call('two', 'planner', 'a', 'b');
    script.call('two', 'tester', 'x');
    expect(script.victims()).toBe('bxa');
  });

  it('forgets a unit whose id the engine gives away', () => {
    const script = new RetentionScript(anchorPin);
    script.call('one', 'planner', 'a');
    script.call('two', 'planner', 'a');
    script.index.forget(script.unit('a'));
    script.call('three', 'planner', 'a');
    script.call('three', 'tester', 'x');
    expect(script.victims()).toBe('ax');
  });
});
