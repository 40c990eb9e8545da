import { z } from 'zod';

export const llamaServerSettings = z.strictObject({
  stateMiB: z.number().min(0).default(8192).describe('Room for saved slots in the server\'s --slot-save-path; 0: none are saved'),
  stateFolder: z.string().min(1).optional().describe('That directory as it is reached from here: then files that are not needed any more are removed; without it their names are used again'),
  prefillLimit: z.int().min(1).default(1).describe('Prompts that are computed at a time, beside the answers'),
});

export type LlamaServerSettings = z.output<typeof llamaServerSettings>;
