import { z } from 'zod';

export const sglangSettings = z.strictObject({
  sessions: z.enum(['auto', 'off']).default('off').describe('`auto`: where it keeps open sessions longer, calls carry a `session_id`; one is closed at `x-entresol-final` or when a policy evicts it, and stays open where neither comes'),
  kvEvents: z.enum(['auto', 'none']).default('auto').describe('`auto`: its KV events are followed where `/server_info` names them'),
  retainPriority: z.int().min(1).max(1000).default(5).describe('`priority` of calls whose lineage a policy retains, where it evicts by priority; other calls have 0. A difference of 10 or more lets them interrupt others that run (--priority-scheduling-preemption-threshold)'),
});
export type SglangSettings = z.output<typeof sglangSettings>;
