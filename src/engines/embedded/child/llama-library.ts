/** The part of node-llama-cpp's public interface that is used here; the package itself is not a dependency. */
export type Token = number;

export interface NextTokenOptions {
  readonly generateNext?: {
    readonly token?: boolean;
    readonly logits?: { readonly filter: { readonly includeTop: number } };
    readonly options?: { readonly temperature: number; readonly topK: number; readonly topP: number; readonly minP: number; readonly seed: number };
  };
}
export interface EvaluatedToken {
  readonly next: { readonly token?: Token | null; readonly logits?: ReadonlyMap<Token, number> };
}

export interface LlamaSequence {
  readonly nextTokenIndex: number;
  controlledEvaluate(input: readonly (Token | readonly [Token, NextTokenOptions])[]): Promise<(EvaluatedToken | undefined)[]>;
  clearHistory(): Promise<void>;
  eraseContextTokenRanges(ranges: readonly { readonly start: number; readonly end: number }[]): Promise<void>;
  saveStateToFile(path: string): Promise<{ readonly fileSize: number }>;
  loadStateFromFile(path: string, acceptRisk: { readonly acceptRisk: true }): Promise<void>;
}
export interface LlamaContext {
  getSequence(): LlamaSequence;
}
export interface LlamaModel {
  readonly tokenizer: unknown;
  readonly trainContextSize: number;
  readonly fileInfo: { readonly metadata: { readonly general?: { readonly name?: string }; readonly tokenizer?: { readonly chat_template?: unknown } } };
  iterateAllTokens(): Iterable<Token>;
  isEogToken(token: Token): boolean;
  tokenize(text: string, specialTokens: boolean): Token[];
  detokenize(tokens: readonly Token[], specialTokens: boolean, lastTokens?: readonly Token[]): string;
  createContext(options: {
    readonly sequences: number;
    readonly contextSize: number;
    readonly batchSize: number;
    readonly threads: number;
    readonly swaFullCache: boolean;
  }): Promise<LlamaContext>;
}
export interface Llama {
  loadModel(options: { readonly modelPath: string }): Promise<LlamaModel>;
}
export interface FunctionCall {
  readonly type: 'functionCall';
  readonly name: string;
  readonly params: unknown;
  result: unknown;
}
export type ChatHistoryItem =
  | { readonly type: 'system' | 'user'; readonly text: string }
  | { readonly type: 'model'; readonly response: (string | FunctionCall)[] };

export interface LlamaText {
  tokenize(tokenizer: unknown): Token[];
  toString(): string;
}
export interface ChatWrapper {
  readonly wrapperName: string;
  generateContextState(options: {
    readonly chatHistory: readonly ChatHistoryItem[];
    readonly availableFunctions?: Readonly<Record<string, { readonly description?: string; readonly params?: unknown }>>;
    readonly documentFunctionParams?: boolean;
  }): { readonly contextText: LlamaText; readonly stopGenerationTriggers: readonly { toString(): string }[] };
}

export interface LlamaLibrary {
  /** The model's own chat template, or the built-in one that is equivalent to it. */
  resolveChatWrapper(model: LlamaModel): ChatWrapper;
  getLlama(options: {
    readonly gpu: false;
    readonly build: 'never';
    readonly maxThreads: number;
    readonly logLevel: 'error';
    readonly skipDownload: true;
    readonly progressLogs: false;
  }): Promise<Llama>;
}

export async function loadLibrary(url: string): Promise<LlamaLibrary> {
  return (await import(url)) as LlamaLibrary;
}
