from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from llguidance.hf import from_tokenizer
from random_walk import random_walk
from transformers import AutoTokenizer

from models.bench.throughput.forms import FORMS, ask
from models.engines.dummy import SHAPES, write_dummy
from models.errors import ModelError

pytest.importorskip("mistral_common", reason="mistral_common is not installed")
TEXTS = [
    'Hello, wörld! {"destination":"Bali","budget":20000} नमस्ते 12345\n\n  x\t\ty',
    "def main() -> None:\r\n    print('Ünïcödé — 東京 🎉')  # 3.14159e-10",
    *(path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parents[3].glob("pipeline/**/*.py"))),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dummy(tmp_path_factory.mktemp("dummy"), "small")


def test_its_tokenizer_cuts_texts_as_mistrals_own_does(folder: Path) -> None:
    import mistral_common
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    theirs = Tekkenizer.from_file(Path(str(mistral_common.__file__)).parent / "data" / "tekken_240911.json")
    ours = AutoTokenizer.from_pretrained(folder)
    assert len(ours) == 131_072
    for text in TEXTS:
        tokens = ours.encode(text, add_special_tokens=False)
        assert tokens == theirs.encode(text, bos=False, eos=False)
        assert ours.decode(tokens) == text


def test_its_chat_template_marks_turns_with_control_tokens(folder: Path) -> None:
    ours = AutoTokenizer.from_pretrained(folder)
    tokens = ours.apply_chat_template([{"role": "user", "content": "hi"}], return_dict=False)
    assert tokens[:2] == [1, 3]
    assert tokens[-1] == 4
    assert ours.eos_token_id == 2


def test_llguidance_reads_it(folder: Path) -> None:
    tokenizer = from_tokenizer(AutoTokenizer.from_pretrained(folder), 131_072)
    one = ask(FORMS["booking"], 3)
    text, _ = random_walk(one.grammar, tokenizer, Random(1))
    FORMS["booking"].contract.model_validate_json(text)


def test_it_is_a_llama_without_weights(folder: Path) -> None:
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder)
    assert config.architectures == ["LlamaForCausalLM"]
    assert config.vocab_size == 131_072
    assert config.num_hidden_layers == SHAPES["small"]["num_hidden_layers"]
    assert not list(folder.glob("*.safetensors"))


def test_an_unknown_shape_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no shape 70b"):
        write_dummy(tmp_path, "70b")
