from __future__ import annotations

import sys
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from models.engines.tokenizers import SHIPPED, load_tokenizer
from models.errors import ModelError

TEXTS = ["", '{"name":"São 😀 12345 हिन्दी"}', " hello\n\tworld", "\\ \" ' <s> [INST]"]


@pytest.mark.parametrize("name", ["byte", "tiny", "tekken"])
def test_a_text_survives_every_tokenizer(name: str) -> None:
    if name == "tekken":
        pytest.importorskip("mistral_common")
    tokenizer = load_tokenizer(name)
    for text in TEXTS:
        assert tokenizer.decode_bytes(tokenizer.tokenize_str(text)).decode() == text


def test_tekken_numbers_its_tokens_as_mistral_does() -> None:
    pytest.importorskip("mistral_common")
    import mistral_common
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    from models.engines.tokenizers import TEKKEN

    theirs = Tekkenizer.from_file(Path(mistral_common.__file__).parent / TEKKEN)
    ours = load_tokenizer("tekken")
    assert (ours.vocab_size, ours.eos_token) == (131_072, theirs.eos_id)
    for text in TEXTS[:3]:
        assert ours.tokenize_str(text) == theirs.encode(text, bos=False, eos=False)


def test_a_folder_is_read_as_transformers_reads_it(random_model: Path) -> None:
    theirs = AutoTokenizer.from_pretrained(random_model)
    ours = load_tokenizer(str(random_model))
    assert ours.tokenize_str("Book me a trip") == theirs("Book me a trip")["input_ids"]
    assert ours.eos_token == theirs.eos_token_id


def test_a_tokenizer_may_be_named_like_a_model(smollm2: str) -> None:
    assert load_tokenizer(smollm2).vocab_size == 49152


def test_a_tokenizer_is_loaded_once() -> None:
    assert load_tokenizer("byte") is load_tokenizer("byte")


def test_a_folder_without_a_tokenizer_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"There is no tokenizer in .*Choose tiny, tekken"):
        load_tokenizer(str(tmp_path))
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"The tokenizer in .* cannot be loaded"):
        load_tokenizer(str(tmp_path))
    assert (SHIPPED / "tokenizer.json").is_file()


def test_without_mistral_common_tekken_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "mistral_common", raising=False)
    load_tokenizer.cache_clear()
    with pytest.raises(ModelError, match="pip install mistral_common"):
        load_tokenizer("tekken")
