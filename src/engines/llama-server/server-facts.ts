/** What a llama-server is and can do, as far as it can be seen from outside. */
import { createHash } from 'node:crypto';
import type { Discovery, DiscoveredFeature } from '../../core/index.ts';
import { isObject, type JsonObject } from '../../core/fields.ts';
import { RefusedError, type ServerApi } from './server-api.ts';

export interface ServerFacts {
  readonly model: string;
  readonly slots: number;
  /** Of one slot. */
  readonly contextTokens: number;
  /** `GET /slots` is there. */
  readonly showsSlots: boolean;
  /** Bytes of a saved state per token; undefined: states cannot be saved. */
  readonly bytesPerToken: number | undefined;
  /** `/apply-template` and `/tokenize` are there. */
  readonly tokenises: boolean;
  /** Equal only for the same model, weights and shape: only then states that were saved before are of use. */
  readonly identity: string;
}

/** Long enough that its state's size tells that of a token. */
const SAMPLE_PROMPT = 'The quick brown fox jumps over the lazy dog. Pack my box with five dozen liquor jugs. How vexingly quick daft zebras jump! Sphinx of black quartz, judge my vow.';

/** A server without any of this (a router of several models, a fork) is passed through, not steered. */
export type Found = { readonly facts: ServerFacts | undefined; readonly discovery: Discovery };

const positive = (value: unknown): number | undefined => (typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined);

/** @param sampleFile where a slot may be saved to see what a token takes; undefined: nothing is asked that takes a slot from those who use it */
export async function findFacts(api: ServerApi, sampleFile: string | undefined): Promise<Found> {
  await api.health();
  let props: JsonObject;
  try {
    props = await api.props();
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    return {
      facts: undefined,
      discovery: { features: [{ name: 'slots', available: 'no', detail: `it does not tell what it is: ${error.message}`, mend: 'Where it wants a key (--api-key), configure it as apiKey of this upstream' }] },
    };
  }
  const product = typeof props.build_info === 'string' ? `llama.cpp ${props.build_info}` : 'llama.cpp';
  const slots = positive(props.total_slots);
  const settings = props.default_generation_settings;
  const contextTokens = isObject(settings) ? positive(settings.n_ctx) : undefined;
  if (slots === undefined || contextTokens === undefined) {
    return {
      facts: undefined,
      discovery: { product, features: [{ name: 'slots', available: 'no', detail: '/props names no slots: a router of models, or another server', mend: 'Point Entresol at the server of one model' }] },
    };
  }
  const features: DiscoveredFeature[] = [{ name: 'slots', available: 'yes', detail: `${slots} of ${contextTokens} tokens` }];
  const model = await modelOf(api, props);
  const tokenises = await canTokenise(api);
  features.push(tokenises
    ? { name: 'exact prompts', available: 'yes', detail: '/apply-template and /tokenize' }
    : { name: 'exact prompts', available: 'no', detail: '/apply-template or /tokenize is missing: prompts are compared by their text', mend: 'Use a llama-server of 2025 or newer' });
  const showsSlots = await canShowSlots(api);
  features.push(showsSlots
    ? { name: 'sees slots', available: 'yes', detail: 'a restart is noticed within seconds' }
    : { name: 'sees slots', available: 'no', detail: 'a restart is noticed late', mend: 'Start it with --slots' });
  const sampled = sampleFile === undefined ? await allowedOnly(api) : await sampleState(api, sampleFile);
  features.push(sampled.feature);
  return {
    facts: { model: model.id, slots, contextTokens, showsSlots, tokenises, bytesPerToken: sampled.bytesPerToken, identity: identityOf([model.meta, props.model_path, props.model_ftype, props.build_info, slots, contextTokens, sampled.sample]) },
    discovery: { product, features },
  };
}

async function modelOf(api: ServerApi, props: JsonObject): Promise<{ id: string; meta: unknown }> {
  const { data } = await api.models().catch((error: unknown): JsonObject => {
    if (error instanceof RefusedError) return {};
    throw error;
  });
  const [first] = Array.isArray(data) ? data as unknown[] : [];
  const named = isObject(first) && typeof first.id === 'string' ? first.id : undefined;
  return { id: named ?? (typeof props.model_alias === 'string' ? props.model_alias : 'llama-server'), meta: isObject(first) ? first.meta : undefined };
}

async function canTokenise(api: ServerApi): Promise<boolean> {
  return refusedIsNo(async () => (await api.tokenise(await api.applyTemplate({ messages: [{ role: 'user', content: 'a' }] }))).length > 0);
}

function canShowSlots(api: ServerApi): Promise<boolean> {
  return refusedIsNo(async () => (await api.slots()).length > 0);
}

async function refusedIsNo(look: () => Promise<boolean>): Promise<boolean> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof RefusedError) return false;
    throw error;
  }
}

interface Sampled { readonly feature: DiscoveredFeature; readonly bytesPerToken: number | undefined; readonly sample: unknown }

const SAVES = 'saves slots';
const LOST = { name: SAVES, available: 'no', detail: 'what a slot gives up is lost', mend: 'Start it with --slot-save-path DIRECTORY, in memory if there is room' } as const;

async function allowedOnly(api: ServerApi): Promise<Sampled> {
  const feature: DiscoveredFeature = await api.allowsSlotActions() ? { name: SAVES, available: 'yes', detail: 'not tried: its slots may be in use' } : LOST;
  return { feature, bytesPerToken: undefined, sample: undefined };
}

/** Computes a few tokens and saves them: so the model's weights can be told apart and a token's size is known. */
async function sampleState(api: ServerApi, file: string): Promise<Sampled> {
  const allowed = await api.allowsSlotActions();
  let sample: unknown;
  try {
    sample = await api.sample(0, SAMPLE_PROMPT);
  } catch (error) {
    // Another's call may hold the slot for minutes: a server that is busy is not down.
    return { feature: { ...LOST, detail: `a first call of our own did not succeed: ${error instanceof Error ? error.message : String(error)}`, mend: 'See the log of the server; it is looked at again when it is started anew' }, bytesPerToken: undefined, sample };
  }
  if (!allowed) return { feature: LOST, bytesPerToken: undefined, sample };
  try {
    const { tokens, bytes } = await api.save(0, file);
    if (tokens === 0 || bytes === 0) throw new RefusedError(200, 'it saved nothing');
    const bytesPerToken = bytes / tokens;
    return { feature: { name: SAVES, available: 'yes', detail: `${(bytesPerToken / 1024).toFixed(1)} KiB a token` }, bytesPerToken, sample };
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    return { feature: { ...LOST, detail: error.message, mend: 'Make its --slot-save-path an existing directory that it may write, with room' }, bytesPerToken: undefined, sample };
  }
}

function identityOf(parts: readonly unknown[]): string {
  // Sums of floating-point numbers may differ in their last digits with the number of threads.
  const text = JSON.stringify(parts, (_, value: unknown) => (typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value));
  return createHash('sha256').update(text).digest('hex');
}
