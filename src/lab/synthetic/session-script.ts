/** One session of a synthetic workload as it is written down: calls at a time that its author moves. */
import type { Segment, TraceLine } from '../trace/trace-line.ts';
import { callDurationMs } from './generate.ts';

export interface ScriptedCall {
  readonly agent: string;
  readonly instance?: string;
  readonly prompt: readonly Segment[];
  readonly outputTokens: number;
  /** None: the answer stops. */
  readonly tools: readonly string[];
}

export class SessionScript {
  /** Since the session's beginning. It may be set back: calls can run side by side. */
  nowMs = 0;
  private readonly calls: Omit<TraceLine, 'step'>[] = [];
  private contents = 0;
  private readonly workload: string;
  private readonly session: string;

  constructor(workload: string, session: string) {
    this.workload = workload;
    this.session = session;
  }

  /** Content that no other session has. */
  fresh(what: string, tokens: number): Segment {
    return [`${what}/${this.session}/${this.contents++}`, tokens];
  }
  wait(ms: number): void {
    this.nowMs += ms;
  }

  /** A call from now until it has ended. Returns its answer. */
  call({ agent, instance = agent, prompt, outputTokens, tools }: ScriptedCall): Segment {
    const answer = this.fresh('answer', outputTokens);
    const promptTokens = prompt.reduce((sum, [, tokens]) => sum + tokens, 0);
    const durationMs = callDurationMs(promptTokens, outputTokens);
    this.calls.push({
      workload: this.workload, session: this.session, agent, instance, stop: tools.length > 0 ? 'tool_calls' : 'stop', startMs: Math.round(this.nowMs), durationMs: Math.round(durationMs),
      promptTokens, outputTokens, base: null, segments: [...prompt], out: [answer], tools,
    });
    this.nowMs += durationMs;
    return answer;
  }

  /** The calls by their beginnings. */
  lines(): TraceLine[] {
    return this.calls.toSorted((first, second) => (first.startMs ?? 0) - (second.startMs ?? 0)).map((call, step) => ({ ...call, step }));
  }
}
