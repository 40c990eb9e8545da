/** `GET /v1/models` before several upstreams: the models of all, each id once, in the form that the client reads. */
import { EntresolError, type Engine } from '../core/index.ts';
import type { CollectedAnswer } from './ask.ts';
import { enginesForModel } from './engine-choice.ts';
import { headerOf } from './headers.ts';
import { isFields, jsonOrUndefined, listOf, type Fields } from './json-fields.ts';

/** Anthropic's clients name the version of its API; nobody else does. */
export const readsAnthropicForm = (headers: readonly string[]): boolean => headerOf(headers, 'anthropic-version') !== undefined;

/** Whose models a client can be told of: all; of Anthropic's clients those that Messages can be sent to. */
export function modelSources(engines: readonly Engine[], headers: readonly string[]): readonly Engine[] {
  const able = engines.filter(({ capabilities }) => capabilities.passThrough === true);
  return readsAnthropicForm(headers) ? able.filter(({ capabilities }) => capabilities.dialects.includes('messages')) : able;
}

const CREDENTIALS = new Set(['authorization', 'proxy-authorization', 'x-api-key', 'api-key', 'x-goog-api-key', 'cookie']);

/**
 * The question to one of them. A client's credential for one vendor's API is no business of another's, nor of any
 * server beside the vendor's: where a vendor of the client's form is asked, the credential is taken for that one's.
 */
export function modelQuestion(engine: Engine, sources: readonly Engine[], headers: readonly string[]): { path: string; headers: string[] } {
  const anthropic = engine.kind === 'anthropic';
  const inForm = (source: Engine): boolean => source.capabilities.hosted === true && (source.kind === 'anthropic') === readsAnthropicForm(headers);
  const foreign = sources.some(inForm) ? !inForm(engine) : engine.capabilities.hosted === true;
  const kept = headers.flatMap((name, index) => {
    const lower = name.toLowerCase();
    return index % 2 === 1 || lower === 'content-type' || (foreign && CREDENTIALS.has(lower)) ? [] : [name, headers[index + 1]];
  });
  if (anthropic && foreign) kept.push('anthropic-version', '2023-06-01');
  // Anthropic's list comes in pages of 20 unless more are asked for.
  return { path: anthropic ? '/v1/models?limit=1000' : '/v1/models', headers: kept };
}

/** @returns undefined for an answer that is no list of models */
export function modelsIn(answer: CollectedAnswer | undefined): readonly Fields[] | undefined {
  const list = answer?.status === 200 && answer.body !== undefined ? jsonOrUndefined(answer.body.toString()) : undefined;
  return isFields(list) && Array.isArray(list.data) ? listOf(list.data).filter((entry) => isFields(entry) && typeof entry.id === 'string') as Fields[] : undefined;
}

const secondsOf = (time: unknown): number => (typeof time === 'string' && !Number.isNaN(Date.parse(time)) ? Math.floor(Date.parse(time) / 1000) : 0);

function inForm(entry: Fields, engine: Engine, anthropicForm: boolean): Fields {
  if (!anthropicForm) return { ...entry, object: 'model', created: entry.created ?? secondsOf(entry.created_at), owned_by: entry.owned_by ?? engine.kind };
  const created = new Date(typeof entry.created === 'number' ? entry.created * 1000 : 0);
  return { ...entry, type: 'model', display_name: entry.display_name ?? entry.id, created_at: entry.created_at ?? new Date(Number.isNaN(created.getTime()) ? 0 : created).toISOString() };
}

/** @param lists by upstream, in the order of the command line; undefined where it told none: then what the configuration lists for it */
export function mergeModels(lists: ReadonlyMap<Engine, readonly Fields[] | undefined>, all: readonly Engine[], anthropicForm: boolean): Fields[] {
  const merged = new Map<string, Fields>();
  for (const [engine, told] of lists) {
    const configured = (engine.capabilities.serves ?? []).filter((name) => !name.endsWith('*')).map((id): Fields => ({ id }));
    for (const entry of [...(told ?? []), ...configured]) {
      const id = entry.id as string;
      // One that the configuration sends elsewhere is that upstream's to tell.
      if (!merged.has(id) && enginesForModel(all, id).includes(engine)) merged.set(id, inForm(entry, engine, anthropicForm));
    }
  }
  return [...merged.values()];
}

export function modelListIn(models: readonly Fields[], anthropicForm: boolean): object {
  return anthropicForm ? { data: models, has_more: false, first_id: models[0]?.id ?? null, last_id: models.at(-1)?.id ?? null } : { object: 'list', data: models };
}

/** A hosted API answers nobody without a credential: it need not be asked. */
export function canAsk(engine: Engine, headers: readonly string[]): boolean {
  return engine.capabilities.wantsCredential !== true || headers.some((name, index) => index % 2 === 0 && CREDENTIALS.has(name.toLowerCase()));
}

/** @throws EntresolError `ENT_UNKNOWN_MODEL` */
export function mergedModelNamed(models: readonly Fields[], id: string): Fields {
  const model = models.find((candidate) => candidate.id === id);
  if (model === undefined) throw new EntresolError('ENT_UNKNOWN_MODEL', `The model ${JSON.stringify(id)} is not served here.`, { at: 'model' });
  return model;
}
