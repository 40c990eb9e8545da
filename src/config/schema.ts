/** The configuration file, as one schema: it checks, gives types, and makes the JSON Schema and docs/configuration.md. */
import { z } from 'zod';
import type { EngineKind } from '../core/index.ts';

/** A kind of upstream, and what it alone may be told. */
export interface UpstreamKindSettings {
  readonly kind: EngineKind;
  readonly summary: string;
  readonly settings?: z.ZodType;
}

const wholeMs = z.int().min(1).max(86_400_000);
const count = z.int().min(1);
const name = z.string().regex(/^[\x21-\x7e]{1,256}$/, 'must be 1 to 256 printable characters without spaces');

const secret = z.union([z.string().min(1), z.strictObject({ file: z.string().min(1).describe('File that holds it, beside this one if the path is relative; white space around it is dropped') })], 'must be ${VARIABLE} or {file: PATH}');

const everyUpstream = {
  url: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).describe('Its origin, or ending in /v1'),
  models: z.array(z.string().min(1)).min(1).optional().describe('Models that are sent here; one may end in `*`. Without it: all. Names that no list mentions go to the upstreams that list none, else to the first'),
  apiKey: secret.optional().describe('Its own credential: `${VARIABLE}` or `{file: PATH}`, never the text itself'),
  apiKeyUse: z.enum(['fallback', 'always']).default('fallback').describe('`fallback`: for calls that bring none of their own; `always`: in place of whatever they bring'),
  cacheSalt: z.boolean().optional().describe('Whether it keeps caches of tenants apart by `cache_salt`; by default true for servers of one\'s own but llama-server, false for hosted APIs'),
  timeouts: z.strictObject({
    connectMs: wholeMs.default(10_000).describe('To connect'),
    firstByteMs: wholeMs.default(600_000).describe('From the request\'s last byte to the answer\'s head'),
    silenceMs: wholeMs.default(600_000).describe('Between two pieces of an answer'),
  }).prefault({}),
  keepAliveMs: wholeMs.optional().describe('An idle connection is kept this long unless the upstream announces less; by default 4000 for openai-compatible, 60000 for hosted APIs'),
  breaker: z.strictObject({
    failures: count.default(5).describe('Failures in a row that open it: no connection, no answer, 502, 504'),
    openMs: wholeMs.default(1000).describe('How long it is first left alone; doubles with each failed trial'),
    maximumOpenMs: wholeMs.default(30_000).describe('At most'),
  }).prefault({}),
  retryMs: wholeMs.default(2000).describe('How often it is looked at while it is down'),
  healthCheck: z.strictObject({
    path: z.string().startsWith('/').describe('Asked with GET, from the origin on; an answer below 400 is well'),
    intervalMs: wholeMs.default(5000).describe('How often'),
    timeoutMs: wholeMs.default(2000).describe('An answer that takes longer is none'),
    failures: count.default(3).describe('Failed checks in a row until it counts as down'),
  }).optional().describe('Without it calls tell how it is'),
  proxy: z.union([z.enum(['environment', 'none']), z.url({ protocol: /^https?$/ })], 'must be environment, none, or an http or https URL').default('environment').describe('`environment`: by HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY; loopback goes through none'),
  tls: z.strictObject({
    caFile: z.string().min(1).optional().describe('PEM of authorities to trust beside the usual ones'),
    certificateFile: z.string().min(1).optional().describe('PEM of a certificate to show'),
    keyFile: z.string().min(1).optional().describe('PEM of its key'),
    serverName: z.string().min(1).optional().describe('Name to expect in its certificate, in place of the URL\'s host'),
  }).optional(),
};

/** Each kind's own settings stand in a group of its name. */
function upstreamOf(kinds: readonly UpstreamKindSettings[]): z.ZodType<{ kind: EngineKind } & z.output<z.ZodObject<typeof everyUpstream>>> {
  const names = kinds.map(({ kind }) => kind);
  const groups = Object.fromEntries(kinds.flatMap(({ kind, settings }) => (settings === undefined ? [] : [[kind, settings.optional()]])));
  const shape = { kind: z.enum(names).describe(`What it is: ${kinds.map(({ kind, summary }) => `\`${kind}\`: ${summary}`).join('; ')}`), ...everyUpstream, ...groups };
  return z.strictObject(shape).superRefine((entry, context) => {
    const { kind } = entry as { kind: EngineKind };
    for (const name of Object.keys(groups)) {
      if (name !== kind && (entry as Record<string, unknown>)[name] !== undefined) context.addIssue({ code: 'custom', path: [name], message: `is for upstreams of kind ${name}; this one is ${kind}` });
    }
  }) as never;
}

const policy = z.strictObject({
  name: z.string().min(1).optional().describe('A policy that comes with Entresol'),
  file: z.string().min(1).optional().describe('A policy of your own (.ts or .js), beside this file if the path is relative'),
  mode: z.enum(['on', 'shadow', 'off']).default('on').describe('`shadow`: decides and is logged, but does not act'),
  failure: z.enum(['open', 'closed']).optional().describe('What is done for a request when it throws; by default as the policy says'),
  parameters: z.record(z.string(), z.union([z.number(), z.boolean(), z.string()])).default({}).describe('Over its defaults'),
}).refine((entry) => (entry.name === undefined) !== (entry.file === undefined), 'must have either name or file');

const key = z.strictObject({
  name: name.describe('For people and logs'),
  hash: z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be what `entresol keys new` printed: sha256: and 64 hexadecimal digits').describe('What `entresol keys new` printed beside the key'),
  tenant: name.describe('Whoever holds the key; nothing is shared across tenants'),
  workload: name.optional().describe('Of calls that name none'),
  admin: z.boolean().default(false).describe('May use the admin routes'),
});

/** @param kinds that upstreams may be of */
// oxlint-disable-next-line typescript/explicit-function-return-type -- the schema is its type
export const configSchemaOf = (kinds: readonly UpstreamKindSettings[]) => z.strictObject({
  listen: z.strictObject({
    host: z.string().min(1).default('127.0.0.1').describe('Beyond loopback only with keys, or insecure'),
    port: z.int().min(0).max(65_535).default(8080).describe('0 takes a free one'),
    insecure: z.boolean().default(false).describe('Listen beyond loopback without keys: whoever reaches the port uses the engine'),
  }).prefault({}),
  upstreams: z.array(upstreamOf(kinds)).default([]).describe('Without any: the engine below. Several of one kind and model are replicas; of several kinds the first that speaks the client\'s dialect serves'),
  engine: z.strictObject({
    kind: z.enum(['embedded', 'simulated']).default('embedded'),
    model: z.string().min(1).optional().describe('A GGUF file, beside this file if the path is relative; without one a synthetic model, whose text is noise'),
    slots: count.optional().describe('Calls that it runs at once (3)'),
    storeTokens: z.int().min(0).optional().describe('Size of its cache of saved states, in tokens (65536)'),
    diskTokens: z.int().min(0).optional().describe('Size of what it keeps on disk beside that, in tokens (0)'),
    contextTokens: count.optional().describe('Tokens that prompt and answer may have together (8192)'),
    threads: count.optional().describe('Threads that it computes with (1)'),
  }).prefault({}).describe('The engine within Entresol, where there are no upstreams'),
  policies: z.array(z.preprocess((entry) => (typeof entry === 'string' ? { name: entry } : entry), policy)).optional().describe('In this order they are asked; an entry may be just a name. By default cache-sage where the engine declares retention; `[]` is none'),
  keys: z.array(key).default([]).describe('Without any, loopback alone may connect'),
  limits: z.strictObject({
    bodyBytes: count.default(64 * 1024 * 1024).describe('Largest request body, also once it is unpacked'),
    memoryBytes: count.default(1024 * 1024 * 1024).describe('Of all bodies together, and of whole answers while they are read'),
    headerBytes: z.int().min(1024).default(64 * 1024).describe('Largest head of a request'),
    headerMs: wholeMs.default(60_000).describe('A request\'s headers must have come by then'),
    requestMs: wholeMs.default(300_000).describe('And its body by then'),
    callMs: wholeMs.default(3_600_000).describe('A whole call, its answer included'),
    stallMs: wholeMs.default(600_000).describe('A client that does not read its answer for this long is cut off'),
    drainMs: z.int().min(0).max(86_400_000).default(30_000).describe('What calls in flight get on SIGTERM'),
    keepAliveMs: wholeMs.default(75_000).describe('Idle connections of clients are kept this long'),
    connectionGraceMs: wholeMs.default(1000).describe('A session whose client closed its connection has this long to open another before that is taken for a sign of its end'),
  }).prefault({}),
  translation: z.strictObject({
    hostedTools: z.enum(['refuse', 'leave-out']).default('refuse').describe('Tools that only the vendor\'s own servers have, such as web search: `refuse` the call, or `leave-out` the tool, named in the answer\'s `x-entresol-left-out`, where others are beside it'),
  }).prefault({}).describe('For calls of Messages or Responses before engines that speak chat completions only'),
  state: z.string().min(1).optional().describe('Directory for what was learned, or `none`; by default the platform\'s own place'),
  log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info') }).prefault({}),
});

export type ConfigSchema = ReturnType<typeof configSchemaOf>;
export type Config = z.output<ConfigSchema>;
export type UpstreamConfig = Config['upstreams'][number];
export type PolicyConfig = NonNullable<Config['policies']>[number];
export type KeyConfig = Config['keys'][number];

/** What is read again while the server runs; everything else takes effect when it is started. */
export const RELOADED: readonly (keyof Config)[] = ['upstreams', 'policies', 'keys'];

/** For editors and other tools. */
export function configJsonSchema(configSchema: ConfigSchema): Record<string, unknown> {
  const policyNames = { anyOf: [{ type: 'string', minLength: 1 }] };
  const schema = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-2020-12', unrepresentable: 'any' }) as unknown as Record<string, unknown> & { properties: { policies: { items: { anyOf?: unknown[] } } } };
  // The short form of a policy is read before the schema sees it.
  schema.properties.policies.items = { anyOf: [...policyNames.anyOf, schema.properties.policies.items] };
  return { title: 'Entresol configuration', ...schema };
}
