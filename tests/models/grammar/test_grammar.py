from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llguidance import LLTokenizer
from llguidance.hf import from_tokenizer
from pydantic import Field, StringConstraints, create_model
from random_walk import admits, random_walk

from models import Contract, ContractError, Money, Quote, Said, Scratchpad
from models.grammar.fragments.calendar import days
from models.grammar.fragments.digits import decimals, integers
from models.grammar.grammar import compile_grammar
from models.grammar.source import chunks, normalise, sentences

BYTES = LLTokenizer("byte")


class Colour(Enum):
    RED = 'r"ed'
    BLUE = "bl\\ue"
    THIRD = 3


class Level(IntEnum):
    LOW = 1
    HIGH = 10


class Leg(Contract):
    day: date
    tags: list[Annotated[str, Field(max_length=3)]] = Field(max_length=3)


class Everything(Contract):
    thinking: Scratchpad
    quote: Quote
    other_quote: Quote | None
    words: Said[str]
    count: Said[int] | None
    price: Said[Money]
    day: Said[date]
    answer: Said[bool]
    exact: Said[Decimal]
    inexact: Said[float]
    name: str = Field(min_length=2, max_length=7)
    nick: str | None = Field(max_length=7)
    short: Annotated[str, StringConstraints(max_length=2)] | None
    empty: str = Field(max_length=0)
    number: int
    bounded: int = Field(ge=-7, lt=123)
    ratio: float
    share: float = Field(gt=0, le=1)
    amount: Decimal = Field(max_digits=5, decimal_places=2)
    fraction: Decimal = Field(max_digits=2, decimal_places=2)
    degrees: Decimal = Field(ge=Decimal("-1.25"), le=Decimal(30), decimal_places=1)
    flag: bool
    choice: Literal["a\n", "b", 3, True, None]
    colour: Colour
    level: Level
    born: date
    leg: Leg
    legs: list[Leg] = Field(min_length=1, max_length=2)
    maybe: Leg | None
    triple: list[bool] = Field(min_length=3, max_length=3)
    copies: list[Said[str] | None] = Field(max_length=2)


class Trip(Contract):
    thinking: Scratchpad
    destination: Said[str]
    departure: Said[date] | None
    budget: Said[Money] | None


class Words(Contract):
    words: Said[str]


class Answer(Contract):
    quote: Quote


SOURCES = {
    "plain": ["Book me a trip to Bali under 20k rupees", "two of us", "yes"],
    "quotes": ['"He said \\"no\\"" \\ and \\n / `x` {"a":"b"}', "'"],
    "scripts": ["São Paulo हिन्दी में 東京 😀👩‍👩‍👧 cafe\u0301 ₹15,000"],
    "white space": ["tab\there\nand\r\nthere \u00a0 \u2028 end\x00\x07", " \n "],
    "long words": ["x" * 70 + " ok " + "y" * 64 + " " + "z" * 65],
    "long": ["lorem ipsum dolor sit amet, " * 190],
}
PASSAGES = [
    '# Refunds\nYou may cancel "free" e.g. within 24 hours. Then not! Ok?\n- one \\ item\n- two',
    "😀 emoji here. हिन्दी वाक्य। और।",
]


@pytest.fixture(scope="module", params=["bytes", "words"])
def tokenizer(request: pytest.FixtureRequest, random_model: Path) -> Iterator[LLTokenizer]:
    """One token a byte: the most tokens that a text can cost; and a byte-level BPE, as models have it."""
    if request.param == "bytes":
        yield BYTES
    else:
        from transformers import AutoTokenizer

        yield from_tokenizer(AutoTokenizer.from_pretrained(random_model))


@pytest.mark.parametrize("spaced", [False, True])
@pytest.mark.parametrize("source", SOURCES)
def test_whatever_a_model_writes_is_valid_within_budget_and_survives_the_journal(
    source: str, spaced: bool, tokenizer: LLTokenizer
) -> None:
    grammar = compile_grammar(Everything, SOURCES[source], PASSAGES, spaced=spaced)
    for seed in range(15):
        text, _ = random_walk(grammar, tokenizer, Random(seed))
        value = Everything.model_validate_json(text)
        assert Everything.model_validate_json(value.model_dump_json()) == value


@pytest.mark.parametrize("contract", [Trip, Trip.draft(), Everything.draft(), Leg])
def test_drafts_and_small_contracts_hold_too(contract: type[Contract], tokenizer: LLTokenizer) -> None:
    for spaced in (False, True):
        grammar = compile_grammar(contract, SOURCES["plain"], PASSAGES, spaced=spaced)
        for seed in range(20):
            contract.model_validate_json(random_walk(grammar, tokenizer, Random(seed))[0])


KINDS: list[st.SearchStrategy[tuple[Any, Any]]] = [
    st.integers(0, 30).map(lambda most: (str, Field(max_length=most))),
    st.tuples(st.integers(-(10**6), 10**6), st.integers(0, 10**4)).map(
        lambda ends: (int, Field(ge=ends[0], le=sum(ends)))
    ),
    st.tuples(st.decimals(-1000, 1000, places=3), st.integers(0, 10**4), st.integers(3, 5)).map(
        lambda ends: (Decimal, Field(ge=ends[0], le=ends[0] + ends[1], decimal_places=ends[2]))
    ),
    st.tuples(st.integers(1, 12), st.integers(0, 12)).map(
        lambda sizes: (Decimal, Field(max_digits=max(sizes), decimal_places=min(sizes)))
    ),
    st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6)).map(lambda ends: (float, Field(ge=ends[0], le=sum(ends)))),
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4).map(
        lambda texts: (Literal[tuple(texts)], ...)
    ),
    st.integers(0, 4).map(lambda most: (list[Said[str]], Field(max_length=most))),
    st.sampled_from([(bool, ...), (date, ...), (int, ...), (Said[int] | None, ...), (Colour | None, ...)]),
]


class Abroad(Contract):
    place: Literal["US"]
    number: int


class Anywhere(Contract):
    place: str = Field(max_length=5)


@pytest.mark.parametrize(
    "value",
    [{"place": "US", "number": 1}, {"place": "US"}, {"place": "DE"}, {"US": 1}, {}, [], [1], None],
)
def test_alternatives_that_begin_alike_are_all_open(value: object) -> None:
    contract: Any = create_model(
        "Either",
        __base__=Contract,
        either=(
            Abroad
            | Anywhere
            | Annotated[dict[Annotated[str, Field(max_length=5)], int], Field(max_length=2)]
            | Annotated[list[int], Field(max_length=2)]
            | None,
            ...,
        ),
    )
    text = json.dumps({"either": value}, separators=(",", ":"))
    contract.model_validate_json(text)
    assert admits(compile_grammar(contract), BYTES, text)


@settings(max_examples=150, deadline=None)
@given(fields=st.lists(st.one_of(KINDS), max_size=4), said=st.lists(st.text(), max_size=3), seed=st.integers(0, 2**32))
def test_every_contract_and_every_conversation_hold(fields: list[Any], said: list[str], seed: int) -> None:
    named: dict[str, Any] = {f"field_{number}": field for number, field in enumerate(fields)}
    contract = create_model("Drawn", __base__=Contract, **named)
    grammar = compile_grammar(contract, said)
    text, _ = random_walk(grammar, BYTES, Random(seed))
    contract.model_validate_json(text)
    assert grammar.constant in (None, text)


@pytest.mark.parametrize(
    ("words", "admitted"),
    [
        ("Bali", True),
        (" Bali", True),
        ("trip to Bali", True),
        ("₹15,000", True),
        ("24/12", True),
        ("AB-123", True),
        ("don't", True),
        ("rupees", False),  # not said
        ("Bal", False),  # part of a word
        ("15,000", False),  # without its currency
        ("24", False),  # part of a date
        ("AB", False),  # part of a reference
        ("don", False),
        ("  Bali", False),
        ("Bali ", False),
        ("", False),
        (" ", False),
        ("twice Really", False),  # across two messages
        ("Bali trip", False),  # not in this order
        ("x" * 65, False),  # longer than a Said field
    ],
)
def test_a_said_field_is_a_span_of_whole_words(words: str, admitted: bool) -> None:
    said = ["a trip to Bali for ₹15,000 on 24/12", "ref AB-123, don't ask twice", "Really " + "x" * 65]
    grammar = compile_grammar(Words, said)
    assert admits(grammar, BYTES, json.dumps({"words": words}, separators=(",", ":"), ensure_ascii=False)) is admitted


@settings(max_examples=100, deadline=None)
@given(messages=st.lists(st.text(), min_size=1, max_size=3), seed=st.integers(0, 2**32))
def test_what_is_copied_was_said(messages: list[str], seed: int) -> None:
    shown = [f" {normalise(message)}" for message in messages]  # prompts show a space before every message
    if not any(message.strip() for message in shown):
        return
    text, _ = random_walk(compile_grammar(Words, messages), BYTES, Random(seed))
    assert any(json.loads(text)["words"] in message for message in shown)


def test_a_quote_is_one_to_three_sentences_of_one_paragraph() -> None:
    grammar = compile_grammar(Answer, evidence=PASSAGES)
    seen = {json.loads(random_walk(grammar, BYTES, Random(seed))[0])["quote"] for seed in range(300)}
    assert seen == {
        'You may cancel "free" e.g. within 24 hours.',
        'You may cancel "free" e.g. within 24 hours. Then not!',
        'You may cancel "free" e.g. within 24 hours. Then not! Ok?',
        "Then not!",
        "Then not! Ok?",
        "Ok?",
        "one \\ item",
        "two",
        "😀 emoji here.",
        "😀 emoji here. हिन्दी वाक्य।",
        "😀 emoji here. हिन्दी वाक्य। और।",
        "हिन्दी वाक्य।",
        "हिन्दी वाक्य। और।",
        "और।",
    }


def test_one_sentence_of_evidence_is_forced_at_no_cost() -> None:
    grammar = compile_grammar(Answer, evidence=['Changes are "free".'])
    assert grammar.constant == '{"quote":"Changes are \\"free\\"."}'
    assert Answer.model_validate_json(grammar.constant).quote == 'Changes are "free".'
    assert admits(grammar, BYTES, grammar.constant)
    assert grammar.max_tokens == len(grammar.constant) + 1


def test_a_message_of_one_word_is_forced_at_no_cost() -> None:
    assert compile_grammar(Words, ["Bali"]).constant == '{"words":"Bali"}'


def test_without_a_source_optional_fields_are_null_and_others_are_refused() -> None:
    assert compile_grammar(Words.draft()).constant == '{"words":null}'
    with pytest.raises(ContractError, match=r"Words\.words can only be copied from the customer's messages.*said=\["):
        compile_grammar(Words, ["", " \n"])
    with pytest.raises(ContractError, match=r"Answer\.quote can only be a sentence of the evidence.*evidence=\["):
        compile_grammar(Answer, ["a message"])


def test_the_budget_is_the_longest_text_in_bytes_and_one() -> None:
    class Small(Contract):
        name: str = Field(max_length=2)
        number: int = Field(ge=-5, le=120)

    longest = '{"name":"😀😀","number":120}'
    grammar = compile_grammar(Small)
    assert admits(grammar, BYTES, longest)
    assert grammar.max_tokens == len(longest.encode()) + 1


def test_a_contract_without_fields_is_the_empty_object() -> None:
    class Nothing(Contract):
        pass

    assert compile_grammar(Nothing).constant == "{}"


@pytest.mark.parametrize(
    ("field", "text"),
    [("day", '"2023-02-29"'), ("day", '"2100-01-01"'), ("day", '"2024-04-31"'), ("n", "01"), ("n", "-0"), ("n", "7")],
)
def test_days_and_numbers_that_are_none_are_not_admitted(field: str, text: str) -> None:
    contract = create_model("One", __base__=Contract, **{field: (date, ...) if field == "day" else (int, Field(le=6))})
    assert not admits(compile_grammar(contract), BYTES, f'{{"{field}":{text}}}')


@given(low=st.integers(-3000, 3000), width=st.integers(0, 5000), number=st.integers(-9000, 9000))
def test_integers_are_those_between_the_bounds(low: int, width: int, number: int) -> None:
    assert bool(re.fullmatch(integers(low, low + width), str(number))) == (low <= number <= low + width)


@given(st.decimals(-50, 50, places=2), st.decimals(0, 50, places=2), st.decimals(-120, 120, places=3))
def test_decimals_are_those_between_the_bounds(low: Decimal, width: Decimal, number: Decimal) -> None:
    pattern = decimals(low, low + width, 3)
    if not number.is_zero():
        assert bool(re.fullmatch(pattern, f"{number:f}")) == (low <= number <= low + width)


def test_days_are_all_days_of_two_centuries() -> None:
    first = date(1900, 1, 1)
    pattern = re.compile(days(first, date(2099, 12, 31)))
    assert all(pattern.fullmatch(str(first + timedelta(days=number))) for number in range(73_049))
    assert first + timedelta(days=73_048) == date(2099, 12, 31)
    for wrong in ("1900-02-29", "2001-02-29", "1999-06-31", "1999-13-01", "1999-00-10", "1999-01-00", "1899-12-31"):
        assert not pattern.fullmatch(wrong)


@given(st.text())
def test_normalising_twice_changes_nothing_and_chunks_lose_nothing(text: str) -> None:
    shown = normalise(text)
    assert normalise(shown) == shown
    assert "".join(chunks(shown)) == shown
    assert shown == shown.strip()
    assert not re.search(r"[\x00-\x1f\x7f]|\s\s", shown)


@given(st.text(st.characters(max_codepoint=126), max_size=60))
def test_plain_ascii_is_normalised_as_any_text(text: str) -> None:
    assert normalise(f"é {text}") == f"é {normalise(text)}".strip()


def test_what_copies_nothing_is_the_same_for_every_record_and_what_copies_is_not() -> None:
    class Plain(Contract):
        kind: Literal["a", "b"]

    class Copying(Contract):
        inner: Plain
        city: Said[str] | None

    first, second = (compile_grammar(Plain, [text], [f"{text}."]) for text in ("to Bali", "to Goa"))
    assert first.lark == second.lark
    assert first is second
    assert (second.said, second.evidence) == ((), ())
    first, second = (compile_grammar(Copying, [text]) for text in ("to Bali", "to Goa"))
    assert "Bali" in first.lark
    assert "Bali" not in second.lark
    assert "Goa" in second.lark


def test_sentences_keep_abbreviations_together_and_leave_headings_out() -> None:
    passage = '# Fees\nIt costs Rs. 500 for\neach trip. "Really?" Yes.\n\n* Mr. Rao agrees.\n1. It is 3.5 km away\n'
    assert sentences(passage) == [
        ["It costs Rs. 500 for each trip.", '"Really?"', "Yes."],
        ["Mr. Rao agrees."],
        ["It is 3.5 km away"],
    ]
