from __future__ import annotations

from enum import Enum, Flag, IntEnum, IntFlag, StrEnum
from random import Random
from typing import Any, Literal

import pytest
from llguidance import LLTokenizer
from pydantic import create_model
from random_walk import random_walk

from models import Contract, ContractError
from models.grammar.grammar import compile_grammar

BYTES = LLTokenizer("byte")


class Various(Enum):
    WORD = "a"
    NUMBER = 2
    FRACTION = 2.5
    TRUTH = True
    NOTHING = None


class Size(float, Enum):
    SMALL = 1.5
    LARGE = 2.0


class Level(IntEnum):
    LOW = 1


class Word(StrEnum):
    A = "a"
    B = "b"


class Lenient(Enum):
    KNOWN = "known"
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> Lenient:
        return cls.OTHER


class Odd(Enum):
    PAIR = (1, 2)


class Endless(Enum):
    FOREVER = float("inf")


class Rights(Flag):
    READ = 1
    WRITE = 2


class Modes(IntFlag):
    READ = 1


class Nobody(Enum):
    pass


def one(annotation: Any) -> type[Contract]:
    fields: Any = {"of": (annotation, ...)}
    return create_model("One", __base__=Contract, **fields)


@pytest.mark.parametrize(
    ("annotation", "values"),
    [
        (Various, list(Various)),
        (Size, list(Size)),
        (Lenient, list(Lenient)),
        (Literal[1, True, "1", None], [1, True, "1", None]),
        (Literal[Word.A, "b", Level.LOW], [Word.A, "b", Level.LOW]),
        (Literal[1.5, -2], [1.5, -2]),
    ],
)
def test_a_choice_is_all_of_its_values_and_no_other(annotation: Any, values: list[object]) -> None:
    contract = one(annotation)
    grammar = compile_grammar(contract)
    seen = []
    for seed in range(300):
        value = contract.model_validate_json(random_walk(grammar, BYTES, Random(seed))[0])
        assert contract.model_validate_json(value.model_dump_json()) == value
        seen.append(value.of)  # type: ignore[attr-defined]
    assert {repr(value) for value in seen} == {repr(value) for value in values}


@pytest.mark.parametrize(
    ("annotation", "advice"),
    [
        (Literal[Various.WORD, Various.NUMBER], r"offers 'a', which has no exact JSON form\. .*or the whole Enum"),
        (Odd, r"offers \(1, 2\), which has no exact JSON form\. Use str, int or bool values"),
        (Endless, r"offers inf, which has no exact JSON form"),
        (Rights, r"Rights, a Flag, .*Use a plain Enum, or a set of one"),
        (Modes, r"Modes, a Flag, .*Use a plain Enum"),
        (Nobody, r"nothing to choose from\. Add a member"),
    ],
)
def test_a_choice_without_exact_json_is_refused_with_advice(annotation: Any, advice: str) -> None:
    with pytest.raises(ContractError, match=r"One\.of .*" + advice):
        one(annotation)
