"""Writes the folder of a small Llama of random weights: configuration, tokenizer, chat template. Offline.

usage: python make_model.py FOLDER

The weights themselves are never written: vLLM makes them up (`--load-format dummy`). Each word `w0`, `w1`, … with a
blank before it is one token of its own, so that a test can count tokens by counting words.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

CONTEXT_TOKENS = 32_768
VOCABULARY = 4096
HIDDEN, LAYERS, HEADS, KV_HEADS = 256, 4, 4, 2
MARKS = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tokenizer() -> Tokenizer:
    bytes_ = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*MARKS, *bytes_])}
    merges: list[tuple[str, str]] = []

    def merge(left: str, right: str) -> str:
        if left + right not in vocabulary:
            vocabulary[left + right] = len(vocabulary)
            merges.append((left, right))
        return left + right

    stem = merge("Ġ", "w")  # the byte-level sign for a blank
    level = [merge(stem, digit) for digit in "0123456789"]
    while len(vocabulary) < VOCABULARY:
        level = [merge(word, digit) for word in level if word != stem + "0" for digit in "0123456789" if len(vocabulary) < VOCABULARY]
    result = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>"))
    result.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r" ?[^\s]+|\s"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    result.decoder = decoders.ByteLevel()
    result.add_special_tokens(MARKS)
    return result


def main(folder: str) -> None:
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    tokenizer().save(str(target / "tokenizer.json"))
    marks = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>", "unk_token": "<unk>"}
    ends = {"bos_token_id": 1, "eos_token_id": 2}
    files = {
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": CONTEXT_TOKENS,
                                  "clean_up_tokenization_spaces": False, "chat_template": CHAT_TEMPLATE, **marks},
        "config.json": {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "dtype": "bfloat16",
                        "hidden_size": HIDDEN, "intermediate_size": 3 * HIDDEN, "num_hidden_layers": LAYERS,
                        "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "head_dim": HIDDEN // HEADS,
                        "vocab_size": VOCABULARY, "max_position_embeddings": CONTEXT_TOKENS, "rms_norm_eps": 1e-6,
                        "rope_theta": 1e6, "tie_word_embeddings": True, **ends},
        "generation_config.json": ends,
    }
    for name, content in files.items():
        (target / name).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
