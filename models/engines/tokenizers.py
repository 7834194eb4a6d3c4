"""Tokenizers by name, as llguidance wants them. Knows where vocabularies are; knows no model and no grammar."""

from __future__ import annotations

import base64
import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from llguidance import LLTokenizer

from models.engines.model_folder import find_model_folder
from models.errors import ModelError

SHIPPED = Path(__file__).parents[1] / "tiny"
TEKKEN = Path("data") / "tekken_240911.json"
"""Inside mistral_common: 130,072 byte strings and 1,000 control tokens, the size that today's large models have."""

_END_OF_TEXT = 2
"""Of Tekken's control tokens (`mistral_common.tokens.tokenizers.tekken`): 0 unknown, 1 begins, 2 ends a text."""


@cache
def load_tokenizer(name: str) -> LLTokenizer:
    """The tokenizer called `name`, loaded once per process: a second or two for a large one.

    "tiny" is the shipped model's, "tekken" Mistral's with 131,072 tokens, "byte" has one token a byte; anything else is
    a folder with a Hugging Face tokenizer, or what else `find_model_folder` takes. Raises ModelError.
    """
    if name == "byte":
        return LLTokenizer("byte")
    if name == "tekken":
        return _tekken()
    folder = SHIPPED if name == "tiny" else Path(name).expanduser()
    return _hugging_face(folder if folder.is_dir() else find_model_folder(name, lambda _: None))


def _tekken() -> LLTokenizer:
    # The file is read as it is: mistral_common's own class needs seconds, and hides the bytes that a mask is made of.
    package = find_spec("mistral_common")
    file = Path(package.origin).parent / TEKKEN if package and package.origin else TEKKEN
    if not file.is_file():
        raise ModelError(
            f"The tokenizer tekken is {TEKKEN.name} of the package mistral_common, which is not here.",
            "Run `pip install mistral_common`, or choose tiny or a folder with a tokenizer.",
        )
    data = json.loads(file.read_text(encoding="utf-8"))
    control, size = data["config"]["default_num_special_tokens"], data["config"]["default_vocab_size"]
    return LLTokenizer.from_tiktoken(
        encoder={base64.b64decode(t["token_bytes"]): control + t["rank"] for t in data["vocab"][: size - control]},
        special_tokens={f"<SPECIAL_{number}>": number for number in range(control)},
        pattern=data["config"]["pattern"],
        eos_token=_END_OF_TEXT,
        n_vocab=size,
    )


def _hugging_face(folder: Path) -> LLTokenizer:
    if not (folder / "tokenizer.json").is_file():
        raise ModelError(
            f"There is no tokenizer in {folder}: tokenizer.json is missing.",
            "Choose tiny, tekken, byte, or a folder with a Hugging Face tokenizer.",
        )
    from llguidance.hf import from_tokenizer
    from transformers import AutoTokenizer

    try:
        return from_tokenizer(AutoTokenizer.from_pretrained(folder, local_files_only=True))
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).split("\n", 1)[0]
        raise ModelError(f"The tokenizer in {folder} cannot be loaded: {reason}", "Choose another folder.") from error
