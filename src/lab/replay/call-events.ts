/** The events that a policy and a learner see of a trace's call: nothing of `usage`, nothing of later lines. */
import {
  LOCAL_TENANT, agentId, instanceId, requestId, sessionId, workloadId,
  type Coordinate, type RequestArrive, type RequestEnd,
} from '../../core/index.ts';
import type { Trace, TraceCall } from '../trace/index.ts';

const MODEL = 'trace';

export function coordinateOf(trace: Trace, call: TraceCall): Coordinate {
  const session = trace.sessions[call.session];
  return {
    tenant: LOCAL_TENANT,
    workload: workloadId(session.workload),
    session: sessionId(session.id),
    agent: agentId(call.agent),
    instance: instanceId(call.instance),
    step: call.step,
  };
}

export function arriveEvent(by: Coordinate, call: TraceCall, atMs: number): RequestArrive {
  return { type: 'request-arrive', atMs, by, request: requestOf(by), model: MODEL, promptTokens: call.promptTokens, warmup: false };
}

/** @param cachedTokens the call's hit; an engine would count it so */
export function endEvent(by: Coordinate, call: TraceCall, cachedTokens: number, atMs: number): RequestEnd {
  return {
    type: 'request-end',
    atMs,
    by,
    request: requestOf(by),
    status: 'ok',
    promptTokens: call.promptTokens,
    cachedTokens,
    outputTokens: call.outputTokens,
    ...(call.stop === undefined ? {} : { stop: call.stop }),
    tools: call.tools,
    ...(call.outputHash === undefined ? {} : { outputHash: call.outputHash }),
    warmup: false,
  };
}

const requestOf = (by: Coordinate) => requestId(`${by.session}/${by.step}`);
