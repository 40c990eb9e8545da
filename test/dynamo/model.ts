/** A model's folder without a model: its tokeniser takes bytes for tokens. That is all that Dynamo's frontend and mocker read of one. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Byte-level tokenisers write each byte as a printable character; those that are none as characters from U+0100 on. */
function printable(): string[] {
  const direct = (byte: number): boolean => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(direct(byte) ? byte : next++));
}

const END = { id: 256, content: '<|end|>' };
/** The mocker answers with any token of a usual vocabulary: those beyond bytes are words of their own, which no text is cut into. */
const VOCABULARY = 32_000;

export function writeModel(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const write = (name: string, value: unknown): void => writeFileSync(join(folder, name), JSON.stringify(value));
  const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
  write('tokenizer.json', {
    version: '1.0', truncation: null, padding: null, normalizer: null, pre_tokenizer: bytes, post_processor: null, decoder: bytes,
    added_tokens: [{ ...END, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }],
    model: { type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, merges: [], vocab: Object.fromEntries([...printable().entries(), ...Array.from({ length: VOCABULARY - 257 }, (_, index) => [index + 257, `w${index + 257}`] as const)].map(([id, text]) => [text, id])) },
  });
  write('tokenizer_config.json', { tokenizer_class: 'PreTrainedTokenizerFast', eos_token: END.content, model_max_length: 8192, chat_template: '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}' });
  write('config.json', { architectures: ['LlamaForCausalLM'], model_type: 'llama', hidden_size: 64, intermediate_size: 128, num_attention_heads: 2, num_hidden_layers: 2, num_key_value_heads: 2, vocab_size: VOCABULARY, max_position_embeddings: 8192, eos_token_id: END.id, bos_token_id: END.id, rms_norm_eps: 1e-5, torch_dtype: 'float32' });
  write('generation_config.json', { eos_token_id: END.id, bos_token_id: END.id });
}
