"""Spaced grammars beside compact ones: the same texts but for the blanks, and the blank left to a model's own token."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Literal

import numpy as np
import pytest
from llguidance import LLTokenizer
from pydantic import Field
from random_walk import admits, random_walk

from models import Contract
from models.bench.proof.specimens import random_specimen
from models.engines.profiles import profile_of
from models.engines.tokenizers import load_tokenizer
from models.grammar.grammar import compile_grammar
from models.grammar.matchers import compiled

BYTES = LLTokenizer("byte")
_TEXT_OR_SEPARATOR = re.compile(r'("(?:[^"\\]|\\.)*")|([:,]) ?')


class Item(Contract):
    part: str = Field(max_length=20)
    spoilt: bool


class Review(Contract):
    complaints: list[Item] = Field(max_length=3)
    scores: dict[Literal["look", "feel"], int]
    mood: str | None = Field(max_length=20)


def spread(text: str, blank: str) -> str:
    """`text` with `blank` behind each comma and colon outside its strings."""
    return _TEXT_OR_SEPARATOR.sub(lambda found: found[1] or found[2] + blank, text)


@pytest.mark.parametrize("seed", range(60))
def test_both_forms_hold_the_same_values(seed: int) -> None:
    specimen = random_specimen(Random(seed))
    compact, spaced = (
        compile_grammar(specimen.contract, specimen.said, specimen.evidence, spaced=one) for one in (False, True)
    )
    assert [one.field for one in compact.bounds] == [one.field for one in spaced.bounds]
    for grammar, other, blank in ((compact, spaced, " "), (spaced, compact, "")):
        for draw in ("uniform", "longest"):
            text, tokens = random_walk(grammar, BYTES, Random(seed), draw)
            assert tokens <= grammar.max_tokens
            assert admits(other, BYTES, spread(text, blank))
            assert json.loads(spread(text, blank)) == json.loads(text)
    if compact.constant is not None:
        assert spaced.constant == spread(compact.constant, " ")


@pytest.mark.parametrize("seed", range(20))
def test_the_budget_counts_the_blanks(seed: int) -> None:
    full = Review(
        complaints=[Item(part="😀" * 20, spoilt=False)] * 3, scores={"look": -(10**12) + 1, "feel": 1}, mood="😀" * 20
    )
    grammar = compile_grammar(Review, spaced=True)
    text = json.dumps(full.model_dump(mode="json"), ensure_ascii=False)
    assert admits(grammar, BYTES, text)
    assert not admits(grammar, BYTES, spread(text, ""))
    _, tokens = random_walk(grammar, BYTES, Random(seed), "longest")
    assert tokens <= grammar.max_tokens


@pytest.mark.parametrize(
    "schema",
    [
        {"const": {"a": [1, {"b": None}], "c": "x, y: z"}},
        {"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": True, "minItems": 2},
        {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1},
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "null"}], "maxItems": 4, "minItems": 2},
        {"type": "array", "items": {"type": "integer"}, "contains": {"const": 3}, "maxContains": 1, "maxItems": 3},
        {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "boolean"}}, "required": ["b"]},
    ],
)
def test_schemas_have_both_forms_too(schema: dict[str, object]) -> None:
    contract = Contract.from_json_schema(schema)
    compact, spaced = (compile_grammar(contract, spaced=one) for one in (False, True))
    for seed in range(20):
        text, tokens = random_walk(spaced, BYTES, Random(seed), "longest")
        assert tokens <= spaced.max_tokens
        assert spread(spread(text, ""), " ") == text
        assert admits(compact, BYTES, spread(text, ""))
        assert admits(spaced, BYTES, spread(random_walk(compact, BYTES, Random(seed))[0], " "))


def test_forced_text_ends_before_a_blank_that_the_next_token_may_hold() -> None:
    """` [{"` is one token of some vocabularies: a blank that was forced by itself would rule it out."""
    tokenizer = load_tokenizer("tekken")
    matcher = compiled(tokenizer, compile_grammar(Review, spaced=True).lark)
    forced = matcher.compute_ff_tokens()
    assert tokenizer.decode_bytes(forced) == b'{"complaints":'
    matcher.consume_tokens(forced)
    mask = np.unpackbits(np.frombuffer(matcher.compute_bitmask(), np.uint8), bitorder="little")
    openings = {tokenizer.decode_bytes([int(token)]) for token in np.flatnonzero(mask)}
    assert b" [" in openings
    assert b"[" not in openings


def test_a_profile_says_which_form_a_model_writes() -> None:
    assert not profile_of("models/tiny").spaced
    assert profile_of("Qwen/Qwen3-8B").spaced
