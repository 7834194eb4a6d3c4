"""Base64Bytes, Base64Str and their forms for URLs: what is written is read, and written again as it was."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import dataclass
from random import Random
from typing import Annotated, Any

import pytest
from llguidance import LLTokenizer
from pydantic import (
    Base64Bytes,
    Base64Str,
    Base64UrlBytes,
    Base64UrlStr,
    BaseModel,
    ConfigDict,
    EncodedBytes,
    EncoderProtocol,
    Field,
    Json,
    create_model,
)

from models import Contract, ContractError
from models.bench.proof.random_walk import random_walk
from models.grammar.grammar import compile_grammar
from models.grammar.membership import admits

KINDS: list[Any] = [Base64Bytes, Base64Str, Base64UrlBytes, Base64UrlStr]
NAMED = {
    **dict(zip(("bytes", "str", "url_bytes", "url_str"), KINDS, strict=True)),
    "sixteen": Annotated[Base64Bytes, Field(min_length=16, max_length=16)],
    "optional": Base64Str | None,
    "list": list[Base64UrlStr],
}


@dataclass
class Letter:
    stamp: Base64Bytes = Field(max_length=8)  # noqa: RUF009 (as Pydantic reads it)
    words: Annotated[Base64Str, Field(max_length=8)] = ""


@pytest.mark.parametrize("kind", NAMED.values(), ids=NAMED)
@pytest.mark.parametrize("open", [False, True])
def test_every_text_is_read_and_written_again(kind: Any, open: bool) -> None:
    held = create_model("Held", __base__=Contract, it=(kind, ...))
    assert held.checked_after() == ()
    for seed in range(6):
        text = random_walk(compile_grammar(held, open=open), LLTokenizer("byte"), Random(seed), budget=300).text
        assert json.loads(held.model_validate_json(text).model_dump_json()) == json.loads(text)


def test_lengths_beside_it_are_of_what_is_in_it_and_those_of_the_field_of_the_text() -> None:
    inside = create_model("Inside", __base__=Contract, it=(Annotated[Base64Bytes, Field(max_length=2)], ...))
    text = create_model("Text", __base__=Contract, it=(Base64Bytes, Field(min_length=5, max_length=11)))
    for contract, fits, too_long in ((inside, "AAA=", "AAAA"), (text, "AAAAAA==", "AAAAAAAAAAAA")):
        assert admits(compile_grammar(contract), f'{{"it":"{fits}"}}')
        assert not admits(compile_grammar(contract), f'{{"it":"{too_long}"}}')
        with pytest.raises(ValueError, match="at most"):
            contract.model_validate_json(f'{{"it":"{too_long}"}}')
    assert not admits(compile_grammar(text), '{"it":"AAAA"}')
    letter = compile_grammar(Contract.of(Letter))
    for seed in range(10):
        written = json.loads(random_walk(letter, LLTokenizer("byte"), Random(seed)).text)
        assert len(written["stamp"]) <= 8
        assert len(b64decode(written["words"])) <= 8


def test_a_text_holds_ascii_and_bytes_any() -> None:
    text, octets = (create_model("Held", __base__=Contract, it=(kind, ...)) for kind in (Base64Str, Base64Bytes))
    assert admits(compile_grammar(text), '{"it":"SGVsbG8sIHdvcmxkfg=="}')
    assert not admits(compile_grammar(text), '{"it":"/w=="}')
    assert admits(compile_grammar(octets), '{"it":"/w=="}')


class _Rot(EncoderProtocol):
    """An encoder of somebody's own."""


def test_what_cannot_be_followed_is_refused_with_what_to_do() -> None:
    class Short(BaseModel):
        model_config = ConfigDict(str_max_length=9)
        it: Base64Str

    with pytest.raises(ContractError, match=r"Short\.it is base64, .*Remove those options from model_config"):
        Contract.of(Short)
    with pytest.raises(ContractError, match="EncodedBytes, which a grammar cannot enforce"):
        create_model("Held", __base__=Contract, it=(Annotated[bytes, EncodedBytes(encoder=_Rot)], ...))
    with pytest.raises(
        ContractError, match=r"Json, which a grammar cannot enforce\. Leave it out: what a model writes"
    ):
        create_model("Held", __base__=Contract, it=(Json[list[int]], ...))
