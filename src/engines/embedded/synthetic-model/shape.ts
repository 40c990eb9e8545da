/** The size of a synthetic model. All models are of the llama architecture with grouped-query attention. */
export interface ModelShape {
  readonly name: string;
  /** Raised whenever the same shape would give other bytes. */
  readonly version: number;
  readonly layers: number;
  readonly embedding: number;
  readonly feedForward: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly contextTokens: number;
  readonly seed: number;
  /** Of the whole file, in hexadecimal. */
  readonly sha256: string;
}

/** The model that is served when none is given. */
export const STANDARD_SHAPE: ModelShape = {
  name: 'entresol-synthetic', version: 1, layers: 4, embedding: 384, feedForward: 1024, heads: 6, keyValueHeads: 2, contextTokens: 8704, seed: 20_261_121,
  sha256: 'dc0a5c50318bca3a187d597730e463f1595a1e8069646c7ceaac99423c1ebdd1',
};

/** For tests: everything is real but quick. */
export const TINY_SHAPE: ModelShape = {
  name: 'entresol-synthetic-tiny', version: 1, layers: 2, embedding: 64, feedForward: 128, heads: 2, keyValueHeads: 1, contextTokens: 4608, seed: 7,
  sha256: 'b852fe203ee8b008ea2e857f70bd1f8c64f528c72615fd8a82d90a4e6204346a',
};

export function headSize(shape: ModelShape): number {
  return shape.embedding / shape.heads;
}
