/** `GET /v1/models` of engines that are no servers of their own. */
import { EntresolError, type Engine } from '../core/index.ts';

export interface ListedModel {
  readonly id: string;
  readonly object: 'model';
  readonly created: 0;
  readonly owned_by: string;
  /** Random weights: its text is noise. */
  readonly synthetic: boolean;
  readonly context_length?: number;
}

export function modelList(engines: readonly Engine[]): ListedModel[] {
  return engines.flatMap((engine) => engine.models().map((model) => ({
    id: model.id, object: 'model' as const, created: 0 as const, owned_by: engine.kind, synthetic: model.synthetic,
    ...(model.contextTokens === undefined ? {} : { context_length: model.contextTokens }),
  })));
}

/** @throws EntresolError `ENT_UNKNOWN_MODEL` */
export function modelNamed(engines: readonly Engine[], id: string): ListedModel {
  const model = modelList(engines).find((candidate) => candidate.id === id);
  if (model === undefined) throw new EntresolError('ENT_UNKNOWN_MODEL', `The model ${JSON.stringify(id)} is not served here.`, { at: 'model' });
  return model;
}
