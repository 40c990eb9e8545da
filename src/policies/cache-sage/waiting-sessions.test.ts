import { describe, expect, it } from 'vitest';
import { LOCAL_TENANT, agentId, instanceId, sessionId, workloadId, type Coordinate } from '../../core/index.ts';
import { WaitingSessions } from './waiting-sessions.ts';

const by = (session: string, agent = 'a', workload = 'w'): Coordinate => ({ tenant: LOCAL_TENANT, workload: workloadId(workload), session: sessionId(session), agent: agentId(agent), instance: instanceId(agent), step: 0 });
const all = (): boolean => true;

function waiting(...names: readonly string[]): WaitingSessions {
  const sessions = new WaitingSessions();
  for (const name of names) {
    sessions.called(by(name));
    sessions.waits(sessionId(name));
  }
  return sessions;
}

describe('sessions that wait', () => {
  it('are looked at, the one that has just begun to first, then in turn at every moment', () => {
    const sessions = waiting('a', 'b', 'c', 'd');
    expect(sessions.turn(2, all)).toEqual(['d', 'c']);
    expect(sessions.turn(2, all)).toEqual(['b', 'a']);
    expect(sessions.turn(2, all)).toEqual(['d', 'c']);
    sessions.called(by('e'));
    sessions.waits(sessionId('e'));
    expect(sessions.turn(2, all)).toEqual(['e', 'b']);
  });

  it('wait no more once they have called, have ended, or are found not to live', () => {
    const sessions = waiting('a', 'b', 'c', 'd');
    sessions.called(by('a'));
    sessions.ended(by('b'));
    sessions.ended(by('c', 'a', 'another workload'));
    expect(sessions.turn(4, ({ session }) => session !== sessionId('d'))).toEqual(['c']);
    expect(sessions.turn(4, all)).toEqual(['c']);
  });

  it('are not hidden behind those that have ended unseen', () => {
    const names = Array.from({ length: 90 }, (_, each) => `s${each}`);
    const sessions = waiting(...names);
    expect(sessions.turn(4, ({ session }) => session === sessionId('s0'))).toEqual([]);
    expect([1, 2].flatMap(() => sessions.turn(4, ({ session }) => session === sessionId('s0')))).toContain('s0');
  });
});
