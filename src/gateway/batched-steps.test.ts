import { describe, expect, it } from 'vitest';
import { BatchedSteps } from './batched-steps.ts';

describe('steps of calls', () => {
  it('are done in the order in which they were asked for, and what one asks for only after sockets had their turn', async () => {
    const steps = new BatchedSteps(() => true);
    const done: string[] = [];
    const asked = [
      steps.turn()?.then(() => {
        done.push('first');
        return steps.turn()?.then(() => { done.push('first, again'); });
      }),
      steps.turn()?.then(() => { done.push('second'); }),
      new Promise<void>((resolve) => {
        setImmediate(() => {
          done.push('a socket');
          resolve();
        });
      }),
    ];
    done.push('whoever asked');
    await Promise.all(asked);
    expect(done).toEqual(['whoever asked', 'first', 'second', 'a socket', 'first, again']);
  });

  it('wait for nobody where there is one call, and are not overtaken by one that has become the only one', async () => {
    let open = 1;
    const steps = new BatchedSteps(() => open > 1);
    expect(steps.turn()).toBeUndefined();
    open = 2;
    const waiting = steps.turn();
    open = 1;
    expect(steps.turn()).toBeInstanceOf(Promise);
    await waiting;
    expect(steps.turn()).toBeUndefined();
  });
});
