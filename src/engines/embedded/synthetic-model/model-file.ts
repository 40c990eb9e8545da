/** A synthetic model as the bytes of a GGUF file: random weights, so text is noise; shapes, caches and latencies are real. */
import { ggufPieces, type MetadataValue, type Tensor } from './gguf-writer.ts';
import { headSize, type ModelShape } from './shape.ts';
import { buildVocabulary, type PieceKind } from './vocabulary.ts';
import { clearRow, ones, randomWeights, WeightStream } from './weights.ts';

/** Token types as llama.cpp numbers them. */
const TOKEN_TYPE: Readonly<Record<PieceKind, number>> = { normal: 1, unknown: 2, control: 3, byte: 6 };
const BEGIN_TOKEN = 1;
const END_TOKEN = 2;
const END_OF_TURN_TOKEN = 3;
const UNKNOWN_TOKEN = 0;

/**
 * Logits of trained models spread over several units. With unit deviation the top two of thousands of random logits
 * would often be so near that rounding decides between them.
 */
const OUTPUT_DEVIATION = 3;

function metadataOf(shape: ModelShape): Record<string, MetadataValue> {
  const vocabulary = buildVocabulary();
  return {
    'general.architecture': { type: 'string', value: 'llama' },
    'general.name': { type: 'string', value: `${shape.name} (random weights)` },
    'llama.block_count': { type: 'uint32', value: shape.layers },
    'llama.context_length': { type: 'uint32', value: shape.contextTokens },
    'llama.embedding_length': { type: 'uint32', value: shape.embedding },
    'llama.feed_forward_length': { type: 'uint32', value: shape.feedForward },
    'llama.attention.head_count': { type: 'uint32', value: shape.heads },
    'llama.attention.head_count_kv': { type: 'uint32', value: shape.keyValueHeads },
    'llama.attention.layer_norm_rms_epsilon': { type: 'float32', value: 1e-5 },
    'llama.rope.dimension_count': { type: 'uint32', value: headSize(shape) },
    'llama.vocab_size': { type: 'uint32', value: vocabulary.length },
    'tokenizer.ggml.model': { type: 'string', value: 'llama' },
    'tokenizer.ggml.tokens': { type: 'strings', value: vocabulary.map((piece) => piece.text) },
    'tokenizer.ggml.scores': { type: 'float32s', value: vocabulary.map((piece) => piece.score) },
    'tokenizer.ggml.token_type': { type: 'int32s', value: vocabulary.map((piece) => TOKEN_TYPE[piece.kind]) },
    'tokenizer.ggml.bos_token_id': { type: 'uint32', value: BEGIN_TOKEN },
    'tokenizer.ggml.eos_token_id': { type: 'uint32', value: END_TOKEN },
    'tokenizer.ggml.eot_token_id': { type: 'uint32', value: END_OF_TURN_TOKEN },
    'tokenizer.ggml.unknown_token_id': { type: 'uint32', value: UNKNOWN_TOKEN },
    // Fragments of a prompt are tokenised one by one: a space must not appear before each.
    'tokenizer.ggml.add_space_prefix': { type: 'bool', value: false },
    'tokenizer.ggml.add_bos_token': { type: 'bool', value: false },
  };
}

function tensorsOf(shape: ModelShape): Tensor[] {
  const stream = new WeightStream(shape.seed);
  const vocabulary = buildVocabulary();
  const keyValueSize = headSize(shape) * shape.keyValueHeads;
  const matrix = (name: string, inputs: number, outputs: number, deviation = 1): Tensor => ({
    name, shape: [inputs, outputs], type: 'q8_0', bytes: randomWeights(stream, inputs * outputs, deviation / Math.sqrt(inputs)),
  });
  const norm = (name: string): Tensor => ({ name, shape: [shape.embedding], type: 'f32', bytes: ones(shape.embedding) });

  const output = matrix('output.weight', shape.embedding, vocabulary.length, OUTPUT_DEVIATION);
  // Marks and stray bytes are never what a greedy step picks: their logit is 0, far below the best of thousands.
  vocabulary.forEach((piece, id) => { if (piece.kind !== 'normal') clearRow(output.bytes, id, shape.embedding); });
  const tensors = [matrix('token_embd.weight', shape.embedding, vocabulary.length), norm('output_norm.weight'), output];
  for (let layer = 0; layer < shape.layers; layer++) {
    const prefix = `blk.${layer}.`;
    tensors.push(
      norm(`${prefix}attn_norm.weight`),
      matrix(`${prefix}attn_q.weight`, shape.embedding, shape.embedding, 2),
      matrix(`${prefix}attn_k.weight`, shape.embedding, keyValueSize, 2),
      matrix(`${prefix}attn_v.weight`, shape.embedding, keyValueSize),
      matrix(`${prefix}attn_output.weight`, shape.embedding, shape.embedding),
      norm(`${prefix}ffn_norm.weight`),
      matrix(`${prefix}ffn_gate.weight`, shape.embedding, shape.feedForward),
      matrix(`${prefix}ffn_up.weight`, shape.embedding, shape.feedForward),
      matrix(`${prefix}ffn_down.weight`, shape.feedForward, shape.embedding),
    );
  }
  return tensors;
}

/** The pieces of the file, in order, with `more` metadata. The same shape gives the same bytes on every platform. */
export function syntheticModelPieces(shape: ModelShape, more: Readonly<Record<string, MetadataValue>> = {}): Uint8Array[] {
  return ggufPieces({ ...metadataOf(shape), ...more }, tensorsOf(shape));
}
