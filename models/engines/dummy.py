"""A model folder without weights: a real model's shape and a 131,072-token vocabulary, to measure speed with.

vLLM fills it with random numbers (`--load-format dummy`), which cost what trained ones cost. Knows shapes and how
Mistral's Tekken vocabulary becomes a Hugging Face tokenizer; says nothing about what the model would answer.
"""

from __future__ import annotations

import base64
import json
from importlib.metadata import version
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from models.engines.tokenizers import TEKKEN
from models.errors import ModelError, ModelNotFound

LOAD_FLAGS = ("--load-format", "dummy")

SHAPES: dict[str, dict[str, Any]] = {
    # Llama 3.1 8B, but for the vocabulary.
    "llama-8b": {
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "torch_dtype": "bfloat16",
    },
    # Llama 3.2 1B, but for the vocabulary.
    "llama-1b": {
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "torch_dtype": "bfloat16",
    },
    # Small enough for a CPU: what is left of a step is the server's own work.
    "small": {
        "hidden_size": 256,
        "intermediate_size": 512,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "torch_dtype": "float32",
    },
}

CONTEXT = 8192
CONTROL = ("<unk>", "<s>", "</s>", "[INST]", "[/INST]")
"""The first of Tekken's control tokens; the others have no name here."""

TEMPLATE = (
    "<s>{% for message in messages %}{% if message['role'] == 'assistant' %}{{ message['content'] }}</s>"
    "{% else %}[INST]{{ message['content'] }}[/INST]{% endif %}{% endfor %}"
)


def write_dummy(folder: Path, shape: str) -> Path:
    """Write the files of a Llama of `shape` to `folder`, about 20 MB, and return it. Raises ModelError."""
    if shape not in SHAPES:
        raise ModelNotFound(f"There is no shape {shape}.", f"Choose one of {', '.join(SHAPES)}.")
    tokenizer = tekken()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": tokenizer.get_vocab_size(),
        "max_position_embeddings": CONTEXT,
        "rope_theta": 500000.0,
        "rms_norm_eps": 1e-05,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "transformers_version": version("transformers"),  # without it the pattern is warned of, which is Tekken's own
        **SHAPES[shape],
    }
    about = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "model_max_length": CONTEXT,
        "clean_up_tokenization_spaces": False,
        "chat_template": TEMPLATE,
    }
    for name, content in (("config.json", config), ("tokenizer_config.json", about)):
        (folder / name).write_text(json.dumps(content, indent=2), encoding="utf-8")
    return folder


def tekken() -> Tokenizer:
    """Mistral's Tekken as a byte-pair encoding of the tokenizers library: some seconds. Raises ModelError."""
    package = find_spec("mistral_common")
    file = Path(package.origin).parent / TEKKEN if package and package.origin else TEKKEN
    if not file.is_file():
        raise ModelError(
            f"{TEKKEN.name} of the package mistral_common is not here.", "Run `pip install mistral_common`."
        )
    data = json.loads(file.read_text(encoding="utf-8"))
    control, size = data["config"]["default_num_special_tokens"], data["config"]["default_vocab_size"]
    ranked = [base64.b64decode(entry["token_bytes"]) for entry in data["vocab"][: size - control]]
    names = [*CONTROL, *(f"<SPECIAL_{number}>" for number in range(len(CONTROL), control))]
    written = {token: _written(token) for token in ranked}
    vocabulary = {name: number for number, name in enumerate(chain(names, written.values()))}
    # Any two tokens whose join is a token may merge, those first whose join comes first.
    merges = [
        (written[token[:cut]], written[token[cut:]])
        for token in ranked
        for cut in range(1, len(token))
        if token[:cut] in written and token[cut:] in written
    ]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(data["config"]["pattern"]), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in names])
    return tokenizer


_PRINTED = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_LETTERS = {byte: chr(byte) for byte in _PRINTED} | {
    byte: chr(0x100 + place) for place, byte in enumerate(byte for byte in range(256) if byte not in set(_PRINTED))
}
"""The letter that stands for each byte in a byte-level vocabulary: itself where it prints, one from U+0100 on else."""


def _written(token: bytes) -> str:
    return "".join(_LETTERS[byte] for byte in token)
