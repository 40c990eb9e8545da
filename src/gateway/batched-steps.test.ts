import { describe, expect, it } from 'vitest';
import { BatchedSteps } from './batched-steps.ts';

describe('steps of calls', () => {
  it('are done in the order in which they were asked for, and what one asks for only after sockets had their turn', async () => {
    const steps = new BatchedSteps();
    steps.begin();
    steps.begin();
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
    const steps = new BatchedSteps();
    steps.begin();
    expect(steps.turn()).toBeUndefined();
    steps.begin();
    const waiting = steps.turn();
    steps.end();
    expect(steps.turn()).toBeInstanceOf(Promise);
    await waiting;
    expect(steps.turn()).toBeUndefined();
  });
});
