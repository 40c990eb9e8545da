import { describe, expect, it } from 'vitest';
import { agentId, DEFAULT_WORKLOAD, instanceId, LOCAL_TENANT, replicaId, requestId, sessionId, tenantId, type RequestEnd, type TenantId } from '../core/index.ts';
import { POOLED_AGENT } from './agent-accounts.ts';
import { Metrics } from './metrics.ts';

function end(agent: string, over: Partial<RequestEnd> = {}, tenant: TenantId = LOCAL_TENANT): RequestEnd {
  const by = { tenant, workload: DEFAULT_WORKLOAD, session: sessionId('s'), agent: agentId(agent), instance: instanceId('i'), step: 0 };
  return { type: 'request-end', atMs: 0, by, request: requestId('r'), status: 'ok', promptTokens: 100, cachedTokens: 40, outputTokens: 10, ttftMs: 20, tools: [], warmup: false, ...over };
}

describe('metrics', () => {
  it('count requests, tokens, decisions, faults and intents, and show latencies as histograms', async () => {
    const metrics = new Metrics();
    metrics.requestEnded(end('a'), 120);
    metrics.requestEnded(end('a', { status: 'error', ttftMs: undefined }), 5);
    metrics.requestEnded(end('a', { warmup: true }), 5);
    metrics.warmedUp('used', 400);
    metrics.decided('admission', 'hold');
    metrics.policyOverrun('slow');
    metrics.policyTime('cache-sage').record(30);
    metrics.intentDone('cache-sage', 'prefetch', 'deferred');
    metrics.engineLoad({ type: 'engine-load', atMs: 0, replica: replicaId('e1'), runningRequests: 2, waitingRequests: 7, cacheUsedFraction: 0.5 });
    const text = await metrics.render();
    for (const line of [
      'entresol_requests_total{status="ok"} 1', 'entresol_requests_total{status="error"} 1', 'entresol_warmups_total{outcome="untold"} 1', 'entresol_warmups_total{outcome="used"} 1', 'entresol_warmup_tokens_total 460', 'entresol_tokens_total{kind="cached"} 80',
      'entresol_ttft_milliseconds_count 1', 'entresol_ttft_milliseconds_sum 20', 'entresol_ttft_milliseconds_bucket{le="10"} 0', 'entresol_ttft_milliseconds_bucket{le="25"} 1',
      'entresol_ttft_milliseconds_bucket{le="+Inf"} 1', '# TYPE entresol_ttft_milliseconds histogram', 'entresol_decisions_total{decision="admission",result="hold"} 1',
      'entresol_policy_overruns_total{policy="slow"} 1', 'entresol_policy_microseconds_count{policy="cache-sage"} 1', 'entresol_policy_microseconds_bucket{policy="cache-sage",le="50"} 1',
      'entresol_intents_total{policy="cache-sage",kind="prefetch",outcome="deferred"} 1', 'entresol_waiting_requests{replica="e1"} 7',
      'entresol_agent_calls{tenant="local",workload="default",agent="a"} 2',
    ]) expect(text).toContain(line);
  });

  it('account per agent, and show a tenant its own alone', () => {
    const metrics = new Metrics();
    for (const ttftMs of [10, 20, 30]) metrics.requestEnded(end('planner', { ttftMs }), 50);
    metrics.requestEnded(end('coder', {}, tenantId('other')), 50);
    const [planner, ...rest] = metrics.agents(LOCAL_TENANT);
    expect(rest).toEqual([]);
    expect(planner).toMatchObject({ agent: 'planner', calls: 3, promptTokens: 300, cachedTokens: 120, outputTokens: 30 });
    expect(planner.ttftMs?.mean).toBe(20);
    expect(planner.ttftMs?.p50).toBeGreaterThan(19);
    expect(planner.ttftMs?.p99).toBeLessThanOrEqual(30);
  });

  it('keep the heavy agents and pool the rest, losing no call', () => {
    const metrics = new Metrics(10);
    for (let call = 0; call < 20; call++) for (const agent of ['heavy-1', 'heavy-2']) metrics.requestEnded(end(agent), 1);
    for (let agent = 0; agent < 500; agent++) metrics.requestEnded(end(`once-${agent}`), 1);
    const accounts = metrics.agents(LOCAL_TENANT);
    expect(accounts.length).toBeLessThanOrEqual(11);
    expect(accounts.slice(0, 2).map(({ calls }) => calls)).toEqual([20, 20]);
    expect(accounts.at(-1)?.agent).toBe(POOLED_AGENT);
    expect(accounts.reduce((sum, { calls }) => sum + calls, 0)).toBe(540);
    expect(accounts.reduce((sum, { promptTokens }) => sum + promptTokens, 0)).toBe(54_000);
  });
});
