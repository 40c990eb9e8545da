import type { EngineKind, ModelInfo } from '../../core/index.ts';
import type { SupervisorEvents } from './child-supervisor.ts';
import type { ChatFormat } from './dialect/chat-format.ts';
import type { Tokeniser } from './dialect/tokeniser.ts';
import type { TokenEngine } from '../slots/token-engine.ts';

/** What a local engine needs of a model once it runs. */
export interface LocalModel {
  readonly info: ModelInfo;
  readonly tokenEngine: TokenEngine;
  readonly tokeniser: Tokeniser;
  readonly format: ChatFormat;
  readonly vocabularySize: number;
  /** Output tokens where the client sets no limit; the rest of the context if absent. */
  readonly defaultMaxTokens?: number;
  healthy(): boolean;
  /** What was found broken and mended on the way, for the log. */
  readonly mended?: string;
  /** Starts it anew, as after a crash. Absent: it cannot crash. */
  restart?(): void;
}

/** Starts a model: llama.cpp's, or the simulated one. */
export interface ModelSource {
  readonly kind: Extract<EngineKind, 'embedded' | 'simulated'>;
  open(events: SupervisorEvents): Promise<LocalModel>;
}
