import { describe, expect, it } from 'vitest';
import { agentId, instanceId, requestId, sessionId, tenantId, workloadId, type Coordinate } from '../../core/index.ts';
import { createLearnerSource } from '../../learner/index.ts';
import { LiveSessions } from './live-sessions.ts';

const TENANT = tenantId('local');

describe('sessions of more workloads than are followed', () => {
  it('are given up where the workload was used longest ago, not where it was met first', () => {
    const learners = createLearnerSource({ capacity: 4096 });
    const sessions = new LiveSessions(learners, TENANT, 0.05);
    const gone: string[] = [];
    const calls = (workload: string): string => {
      const by: Coordinate = { tenant: TENANT, workload: workloadId(workload), session: sessionId(`of ${workload}`), agent: agentId('a'), instance: instanceId('a'), step: 0 };
      learners.of(TENANT, by.workload).observe({ type: 'request-arrive', atMs: 0, by, request: requestId(workload), model: 'm', promptTokens: 10, warmup: false });
      sessions.numberOf(by, () => undefined);
      return by.session;
    };
    for (let workload = 0; workload < 1200; workload++) {
      calls(`once ${workload}`);
      calls('busy');
      for (const number of sessions.ended()) {
        gone.push(sessions.liveOf(number).id);
        sessions.drop(number);
      }
    }
    expect(gone).toEqual(Array.from({ length: 1200 - 1023 }, (_, workload) => `of once ${workload}`));
  });
});
