import { z } from 'zod';

export const llamaServerSettings = z.strictObject({
  stateMiB: z.number().min(0).default(8192).describe('Room for saved slots in the server\'s --slot-save-path; 0: none are saved'),
  stateFolder: z.string().min(1).optional().describe('That directory as it is reached from here: then files that are not needed any more are removed; without it their names are used again'),
  prompts: z.enum(['exact', 'text']).default('text').describe('How prompts are compared with what slots hold: `text`: by the text of the request; `exact`: by the server\'s template and tokeniser, two questions a call, which also counts its tokens ahead'),
  prefillLimit: z.int().min(1).default(1).describe('Prompts that are computed at a time, beside the answers'),
});

export type LlamaServerSettings = z.output<typeof llamaServerSettings>;
