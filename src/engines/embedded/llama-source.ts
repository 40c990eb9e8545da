import { basename } from 'node:path';
import { EntresolError } from '../../core/index.ts';
import { cacheDirectory } from './cache-directory.ts';
import type { ChatFormat } from './dialect/chat-format.ts';
import { MarkedFormat } from './dialect/marked-format.ts';
import { TemplateFormat } from './template-format.ts';
import type { ModelSource } from './local-model.ts';
import { locateEngine } from './locate.ts';
import { LlamaTokenEngine } from './llama-token-engine.ts';
import { marksOf } from './synthetic-model/marks.ts';
import { STANDARD_SHAPE, type ModelShape } from './synthetic-model/shape.ts';
import { ensureSyntheticModel, syntheticModelPath } from './synthetic-model/synthetic-model.ts';

export interface LlamaSourceOptions {
  /** A GGUF file; without one the synthetic model. */
  readonly modelPath?: string;
  readonly shape?: ModelShape;
  readonly sequences: number;
  readonly contextTokens: number;
  readonly threads?: number;
  readonly cache?: string;
}

/** Random weights end their answers never by themselves. */
const SYNTHETIC_MAX_TOKENS = 128;

async function closedOnFailure<Result>(engine: LlamaTokenEngine, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/** llama.cpp with a given model, or with the synthetic one. */
export function llamaSource(options: LlamaSourceOptions): ModelSource {
  return {
    kind: 'embedded',
    open: async (events) => {
      const cache = options.cache ?? cacheDirectory();
      const library = locateEngine(cache);
      const shape = options.shape ?? STANDARD_SHAPE;
      const synthetic = options.modelPath === undefined;
      const made = options.modelPath === undefined ? await ensureSyntheticModel(shape, cache) : undefined;
      const modelPath = options.modelPath ?? syntheticModelPath(shape, cache);
      const engine = await LlamaTokenEngine.start({ library, modelPath, sequences: options.sequences, contextTokens: options.contextTokens, threads: options.threads, events });
      const format = async (): Promise<ChatFormat> => (synthetic
        ? new MarkedFormat(engine, await marksOf(async (text) => (await engine.tokeniseMarks(text))[0]))
        : new TemplateFormat(engine));
      return {
        info: { id: synthetic ? shape.name : basename(modelPath, '.gguf'), contextTokens: options.contextTokens, synthetic },
        tokenEngine: engine,
        tokeniser: engine,
        format: await closedOnFailure(engine, format),
        vocabularySize: engine.facts.vocabularySize,
        defaultMaxTokens: synthetic ? SYNTHETIC_MAX_TOKENS : undefined,
        healthy: () => engine.healthy,
        ...(made?.origin === 'rebuilt' ? { mended: new EntresolError('ENT_STATE_CORRUPT', 'the synthetic model was damaged.', { at: made.path }).describe() } : {}),
        restart: () => { engine.restart(); },
      };
    },
  };
}
