/** What parent and child process say to each other. Structured clone over Node's IPC channel, so typed arrays travel as they are. */
import type { ErrorCode } from '../../core/index.ts';

export interface StartOptions {
  /** URL of the engine library. */
  readonly library: string;
  readonly modelPath: string;
  readonly sequences: number;
  /** Tokens that each sequence can hold, prompt and output together. */
  readonly contextTokens: number;
  /** Tokens of one prompt that go into one batch. An abort takes effect between batches. */
  readonly chunkTokens: number;
  readonly threads: number;
  /** For tests: the names and probabilities of the best tokens are kept for every decoded one. */
  readonly recordTopLogits: boolean;
}

export interface ModelFacts {
  readonly name: string;
  readonly trainedContextTokens: number;
  readonly vocabularySize: number;
  readonly endOfGenerationTokens: readonly number[];
  readonly hasChatTemplate: boolean;
}

export interface GenerateWork {
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
  readonly forced?: Int32Array;
  readonly stopTokens: readonly number[];
  /** Draws count from here. */
  readonly decodedBefore: number;
}

export interface GenerateReply {
  readonly length: number;
  readonly output: Int32Array;
  readonly stop: 'stop' | 'length' | 'cancelled';
  /** Where asked for: distance of the two best logits per decoded token. */
  readonly logitGaps?: Float64Array;
}

/** A conversation in the words of the wire, for a model's own chat template. */
export type TemplateMessage =
  | { readonly role: 'system' | 'user'; readonly text: string }
  | { readonly role: 'assistant'; readonly text: string; readonly toolCalls: readonly { readonly id: string; readonly name: string; readonly argumentsJson: string }[] }
  | { readonly role: 'tool'; readonly text: string; readonly toolCallId: string };

export interface TemplateTool {
  readonly name: string;
  readonly description?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
}

export interface ChatText {
  /** Runs of text; in `special` ones marks of the model's template count as such. */
  readonly runs: readonly { readonly text: string; readonly special: boolean }[];
}

export interface SharedTotal {
  /** Tokens that all states kept in the child take together. */
  readonly sharedTokens: number;
}

/** Kind of request → what it carries and what is answered. */
export interface Operations {
  start: { request: { readonly options: StartOptions }; reply: ModelFacts };
  generate: { request: { readonly sequence: number; readonly tokens: Int32Array; readonly work: GenerateWork }; reply: GenerateReply };
  /** Answers with the tokens now in the sequence, fewer than wanted if it was cancelled. */
  prefill: { request: { readonly sequence: number; readonly tokens: Int32Array }; reply: { readonly length: number; readonly cancelled: boolean } };
  trim: { request: { readonly sequence: number; readonly length: number }; reply: null };
  /** With a domain: kept in the child, sharing its blocks with others of the domain, where the file can be taken apart. */
  save: { request: { readonly sequence: number; readonly path: string; readonly state: number; readonly domain?: string }; reply: { readonly tokens: number; readonly bytes: number; readonly shared: boolean } & SharedTotal };
  /** `shared`: kept in the child; the path is then only passed through. */
  load: { request: { readonly sequence: number; readonly path: string; readonly state: number; readonly shared: boolean; readonly tokens: number; readonly bytes: number }; reply: null };
  dropShared: { request: { readonly state: number }; reply: SharedTotal };
  /** Writes a state that the child keeps to a file, and forgets it. */
  exportShared: { request: { readonly state: number; readonly path: string }; reply: SharedTotal };
  pause: { request: object; reply: null };
  resume: { request: object; reply: null };
  cpu: { request: object; reply: number };
  /** By the model's own chat template, up to where its answer begins. */
  render: { request: { readonly messages: readonly TemplateMessage[]; readonly tools: readonly TemplateTool[] }; reply: { readonly tokens: Int32Array; readonly stop: readonly string[] } };
  tokenise: { request: { readonly runs: ChatText['runs'] }; reply: Int32Array };
  /** `before`: tokens that came just before, so that spaces come out right. Control tokens give their names if `special`. */
  detokenise: { request: { readonly tokens: Int32Array; readonly before: Int32Array; readonly special: boolean }; reply: string };
}
export type OperationKind = keyof Operations;

export type ToChild =
  | { [Kind in OperationKind]: { readonly kind: Kind; readonly id: number } & Operations[Kind]['request'] }[OperationKind]
  | { readonly kind: 'cancel'; readonly id: number };

export type ToParent =
  | { readonly kind: 'done'; readonly id: number; readonly value: Operations[OperationKind]['reply'] }
  | { readonly kind: 'failed'; readonly id: number; readonly code: ErrorCode; readonly message: string }
  /** Tokens decoded in one batch: `tokens[i]` belongs to request `ids[i]`. */
  | { readonly kind: 'tokens'; readonly ids: readonly number[]; readonly tokens: readonly number[] };
