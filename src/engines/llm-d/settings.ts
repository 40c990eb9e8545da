import { z } from 'zod';

const objective = z.string().regex(/^[\x21-\x7e]{1,253}$/, 'must be the name of an InferenceObjective');

export const llmdSettings = z.strictObject({
  fairness: z.enum(['tenant', 'workload', 'session', 'off']).default('workload').describe('What its fairness policies take turns between: x-llm-d-inference-fairness-id, an opaque hash of it'),
  objective: objective.optional().describe('InferenceObjective of all calls: x-llm-d-inference-objective'),
  objectives: z.record(z.string(), objective).default({}).describe('The same by workload; goes before `objective`'),
  ttftMs: z.int().min(1).max(86_400_000).optional().describe('What its routers should aim at: x-llm-d-slo-ttft-ms'),
});
export type LlmdSettings = z.output<typeof llmdSettings>;
