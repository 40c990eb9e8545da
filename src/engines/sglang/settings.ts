import { z } from 'zod';

export const sglangSettings = z.strictObject({
  sessions: z.enum(['auto', 'off']).default('auto').describe('`auto`: where it was started to keep open sessions longer, calls carry a `session_id`, and one is closed when its session has ended, is idle, or there are too many'),
  openSessions: z.int().min(1).max(1_000_000).default(4096).describe('Sessions, one per lineage, that are open at once; beyond them the one used least recently is closed'),
  sessionIdleMs: z.int().min(1000).default(600_000).describe('A lineage without a call for so long has its session closed; its next call opens it again'),
  kvEvents: z.enum(['auto', 'none']).default('auto').describe('`auto`: its KV events are followed where `/server_info` names them'),
  retainPriority: z.int().min(1).max(1000).default(5).describe('`priority` of calls whose lineage a policy retains, where it evicts by priority; other calls have 0. A difference of 10 or more lets them interrupt others that run (--priority-scheduling-preemption-threshold)'),
});
export type SglangSettings = z.output<typeof sglangSettings>;
