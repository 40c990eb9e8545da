import { z } from 'zod';

export const dynamoSettings = z.strictObject({
  sessions: z.enum(['on', 'off']).default('on').describe('Whether calls carry x-dynamo-session-id: by it Dynamo traces, and routes where its routers are told to'),
  retainPriority: z.int().min(1).max(1000).default(5).describe('`priority` of calls whose lineage a policy retains: its SGLang workers keep what they reach in a higher class; its routers let them go first'),
  speculativePrefill: z.boolean().default(false).describe('Whether Dynamo is asked to prefill a session\'s next turn once an answer has ended'),
});
export type DynamoSettings = z.output<typeof dynamoSettings>;
