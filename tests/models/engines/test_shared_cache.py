from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import torch
from random_model import build_random_model
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, MistralConfig, Qwen3Config

from models.engines.continuous_batching import ROWS
from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Decoding, Message, Sampling
from models.engines.shared_cache import SHARED, Reading, can_share
from models.grammar.grammar import Grammar

SMALL = {
    "vocab_size": 32,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 8,
}


@pytest.mark.parametrize(
    ("config", "jumps"),
    [
        (LlamaConfig(**SMALL), True),
        (Qwen3Config(**SMALL), True),
        (MistralConfig(**SMALL, sliding_window=None), True),
        (MistralConfig(**SMALL, sliding_window=8), False),
        (Qwen3Config(**SMALL, use_sliding_window=True, sliding_window=8, max_window_layers=1), False),
    ],
    ids=["llama", "qwen", "mistral", "mistral with a window", "qwen with a window in one layer"],
)
def test_only_a_model_whose_layers_all_attend_to_everything_may_have_gaps(config: Any, jumps: bool) -> None:
    assert can_share(AutoModelForCausalLM.from_config(config)) is jumps


async def test_a_model_with_a_window_keeps_to_its_grammar_and_its_neighbours_do_not_matter(
    tmp_path: Path, trip: Grammar
) -> None:
    build_random_model(tmp_path)
    size = len(AutoTokenizer.from_pretrained(tmp_path))
    config = MistralConfig(**{**SMALL, "vocab_size": size}, sliding_window=16, max_position_embeddings=1024)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    engine = await EmbeddedEngine.open(tmp_path, "windowed")
    asks = [[Message("user", "a trip to Bali, please " * (length + 1))] for length in range(ROWS)]
    alone = [await engine.generate(ask, trip, Sampling(1.0, seed=n)) for n, ask in enumerate(asks)]
    together = await asyncio.gather(*[engine.generate(ask, trip, Sampling(1.0, seed=n)) for n, ask in enumerate(asks)])
    await engine.close()
    assert [completion.text for completion in together] == [completion.text for completion in alone]
    assert {completion.finish_reason for completion in together} == {"stop"}


async def test_what_a_prompt_begins_with_as_the_one_before_is_not_read_again_and_no_text_changes(
    random_model: Path, trip: Grammar, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await EmbeddedEngine.open(random_model, str(random_model))
    asks = [
        [Message("user", "You fill in forms. " * 20 + "a trip to Bali, please " * (length + 1))] for length in range(4)
    ]
    lengths = [len(engine._encode(ask, engine.profile.template)) for ask in asks]
    read: list[int] = []
    go_on = Reading.go_on

    def counted(self: Reading, most: int) -> int:
        read.append(go_on(self, most))
        return read[-1]

    monkeypatch.setattr(Reading, "go_on", counted)
    found = {}
    for least in (SHARED, 10**6):
        monkeypatch.setattr("models.engines.shared_cache.SHARED", least)
        read.clear()
        done = await asyncio.gather(*[engine.generate(ask, trip, Sampling(1.0, seed=n)) for n, ask in enumerate(asks)])
        found[least] = [completion.text for completion in done], sum(read)
    await engine.close()
    assert found[SHARED][0] == found[10**6][0]
    assert found[SHARED][1] < sum(lengths) / 2 < sum(lengths) <= found[10**6][1]


async def test_the_probabilities_of_a_prompt_are_the_models_own_whatever_was_read_before(random_model: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(random_model).eval()
    engine = await EmbeddedEngine.open(random_model, str(random_model))
    ask = [Message("prompt", "A kettle that boils fast. " * 60)]  # longer than a piece
    plain = await engine.generate(ask, None, Sampling(), 3)
    told = await engine.generate(ask, None, Decoding(prompt_logprobs=True), 3)
    await engine.close()
    ids = engine._encode(ask, {})
    with torch.inference_mode():
        shares = model(torch.tensor([ids])).logits[0].float().log_softmax(-1)
    assert "".join(token for token, _ in told.prompt_logprobs) == engine._texts.whole(ids[1:])
    expected = [float(shares[at, token]) for at, token in enumerate(ids[1:])]
    assert [score for _, score in told.prompt_logprobs] == pytest.approx(expected, abs=1e-3)
    assert plain.text == told.text
    assert not plain.prompt_logprobs
