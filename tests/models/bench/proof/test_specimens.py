from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import Contract
from models.bench.proof.random_walk import random_walk
from models.bench.proof.specimens import random_specimen
from models.bench.proof.verdict import judge
from models.engines.tokenizers import load_tokenizer
from models.grammar.grammar import compile_grammar

KINDS = {
    *("str", "pattern", "int", "float", "Decimal", "bool", "None", "Literal", "Enum", "date", "time", "datetime"),
    *("AwareDatetime", "NaiveDatetime", "timedelta", "UUID", "EmailStr", "HttpUrl", "list", "set", "frozenset"),
    *("tuple", "dict", "nested", "Optional", "Union", "discriminated", "generic", "recursive"),
    *("Scratchpad", "Said", "Quote", "base64"),
}


def test_the_specimens_cover_every_type_and_hardly_any_draw_is_refused() -> None:
    specimens = [random_specimen(Random(seed)) for seed in range(150)]
    assert {kind for specimen in specimens for kind in specimen.kinds} == KINDS
    assert max(len(specimen.contract.model_fields) for specimen in specimens) >= 12
    assert sum(len(specimen.refused) for specimen in specimens) <= 0.02 * sum(len(one.kinds) for one in specimens)


def test_the_same_seed_draws_the_same_contract() -> None:
    first, second = random_specimen(Random(7)).contract, random_specimen(Random(7)).contract
    assert first is not second
    assert first.contract_hash() == second.contract_hash()
    assert issubclass(first, Contract)


@pytest.mark.parametrize("tokenizer", ["byte", "tiny", "tekken"])
def test_no_random_text_under_a_random_contract_is_ever_invalid(tokenizer: str) -> None:
    if tokenizer == "tekken":
        pytest.importorskip("mistral_common")
    tokens = load_tokenizer(tokenizer)

    @settings(max_examples=100, deadline=None)
    @given(random=st.randoms(use_true_random=False), seed=st.integers(0, 2**32))
    def holds(random: Random, seed: int) -> None:
        specimen = random_specimen(random)
        grammar = compile_grammar(specimen.contract, specimen.said, specimen.evidence)
        for draw in ("uniform", "longest"):
            walk = random_walk(grammar, tokens, Random(seed), draw)
            assert walk.fault is None
            assert judge(specimen.contract, walk.text) == ("valid", "")
            assert grammar.constant in (None, walk.text)

    holds()
