/** What a configuration file may say of a vLLM beyond its URL. Without any of it, what can be found is found. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { EntresolError, Secret } from '../../core/index.ts';

const endpoint = z.string().regex(/^(?:tcp:\/\/[^\s/]+:\d+|ipc:\/\/\S+)$/, 'must be tcp://HOST:PORT or ipc://PATH');
const endpoints = z.union([endpoint.transform((one) => [one]), z.array(endpoint).min(1).max(256)]);

export const vllmSettings = z.strictObject({
  kvEvents: z.union([z.enum(['auto', 'none']), z.strictObject({
    endpoints: endpoints.describe('Where it publishes KV events, one per data-parallel rank'),
    replayEndpoints: endpoints.optional().describe('Where missed ones are asked for, in the same order'),
    topic: z.string().max(256).default('').describe('Only messages whose topic begins so'),
  })]).default('auto').describe('`auto`: what `GET /kv_event_sources` or the package names'),
  control: z.union([z.enum(['auto', 'none']), z.strictObject({
    endpoints: endpoints.describe('Side channel of the package entresol-vllm, one per data-parallel rank'),
    secretFile: z.string().min(1).optional().describe('File that holds the secret that the package was given; white space around it is dropped'),
    secretVariable: z.string().min(1).optional().describe('Environment variable that holds it'),
  })]).default('auto').describe('`auto`: tcp://127.0.0.1:5600 where the upstream is on loopback'),
  leaseIntervalMs: z.int().min(10).max(60_000).default(20).describe('Leases are sent at most so often'),
  warmUp: z.strictObject({
    memoryBytes: z.int().min(0).max(2 ** 34).default(0).describe('So much memory holds the latest call of each agent of live sessions: where a policy asks for a lineage (`prefetch`), it is sent once more for one token. 0: none is kept, none is sent'),
    share: z.number().min(0).max(10).default(0.5).describe('Warm-ups compute at most so many tokens per token of the prompts that clients send'),
  }).prefault({}),
});
export type VllmSettings = z.output<typeof vllmSettings>;

export const DEFAULT_VLLM_SETTINGS: VllmSettings = vllmSettings.parse({});

/** As the package asks for. */
const LEAST_SECRET_BYTES = 32;

/** @throws EntresolError `ENT_CONFIG_INVALID` */
export function readSecret({ control }: VllmSettings, environment: Readonly<Record<string, string | undefined>> = process.env): Secret | undefined {
  if (typeof control === 'string') return undefined;
  const { secretFile, secretVariable } = control;
  if (secretFile === undefined && secretVariable === undefined) return undefined;
  const at = secretFile ?? `$${secretVariable}`;
  let text: string | undefined;
  try {
    text = secretFile === undefined ? environment[secretVariable ?? ''] : readFileSync(secretFile, 'utf8');
  } catch (error) {
    throw new EntresolError('ENT_CONFIG_INVALID', `the secret of the side channel cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)}).`, { at, cause: error });
  }
  const value = text?.trim() ?? '';
  if (Buffer.byteLength(value) < LEAST_SECRET_BYTES) throw new EntresolError('ENT_CONFIG_INVALID', `the secret of the side channel has fewer than ${LEAST_SECRET_BYTES} bytes.`, { at });
  return new Secret(value);
}
