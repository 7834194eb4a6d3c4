from __future__ import annotations

import json
import re
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from llguidance import LLTokenizer
from pydantic import Field, ValidationError, create_model
from random_walk import admits, random_walk

from models import Contract, ContractError
from models.grammar.fragments.digits import decimals, multiples
from models.grammar.grammar import Grammar, compile_grammar

BYTES = LLTokenizer("byte")


def one(annotation: Any, **limits: Any) -> type[Contract]:
    fields: Any = {"n": (annotation, Field(**limits))}
    return create_model("One", __base__=Contract, **fields)


def valid(contract: type[Contract], text: str) -> bool:
    try:
        contract.model_validate_json(text)
    except ValidationError:
        return False
    return True


def walks(contract: type[Contract], count: int) -> list[str]:
    """What random tokens write under the contract's grammar; each one valid, and the same after one more round."""
    grammar = compile_grammar(contract)
    texts = []
    for seed in range(count):
        text, _ = random_walk(grammar, BYTES, Random(seed))
        value = contract.model_validate_json(text)
        assert contract.model_validate_json(value.model_dump_json()) == value
        assert len(text) < grammar.max_tokens
        texts.append(text)
    return texts


@pytest.mark.parametrize("step", [1, 2, 3, 7, 8, 10, 25, 49, 50, 51, 1000, 5000])
@pytest.mark.parametrize("around", [0, 10_000])
def test_the_integers_admitted_are_the_valid_ones(step: int, around: int) -> None:
    contract = one(int, ge=around - 50, lt=around + 51, multiple_of=step)
    grammar = compile_grammar(contract)
    for number in range(around - 60, around + 60):
        text = f'{{"n":{number}}}'
        assert admits(grammar, BYTES, text) == valid(contract, text), number


@pytest.mark.parametrize("step", [7, 30, 997, 25, 5000, 10**6])
def test_multiples_are_found_in_wide_ranges_on_both_sides_of_zero(step: int) -> None:
    numbers = [json.loads(text)["n"] for text in walks(one(int, multiple_of=step), 60)]
    assert all(number % step == 0 for number in numbers)
    assert min(numbers) < -step
    assert max(numbers) > step


@settings(max_examples=80, deadline=None)
@given(
    low=st.integers(-(10**7), 10**7),
    width=st.integers(0, 10**7),
    step=st.integers(1, 400),
    seed=st.integers(0, 2**32),
)
def test_every_admitted_integer_is_valid(low: int, width: int, step: int, seed: int) -> None:
    if (low + width) // step * step < low:
        with pytest.raises(ContractError, match=r"no number between its bounds\. Widen"):
            one(int, ge=low, le=low + width, multiple_of=step)
        return
    contract = one(int, ge=low, le=low + width, multiple_of=step)
    grammar = compile_grammar(contract)
    contract.model_validate_json(random_walk(grammar, BYTES, Random(seed))[0])
    assert admits(grammar, BYTES, f'{{"n":{-(-low // step) * step}}}')


FLOATS = st.floats(-1e6, 1e6).filter(lambda bound: bound == 0 or abs(bound) > 1e-4)


@settings(max_examples=100, deadline=None)
@given(
    names=st.tuples(st.sampled_from(["ge", "gt"]), st.sampled_from(["le", "lt"])),
    low=FLOATS,
    width=st.floats(1e-3, 1e6),
    step=st.sampled_from([None, None, 0.1, 0.25, 0.3, 1.5, 2.0, 0.05, 7.0, 1e-7]),
    seed=st.integers(0, 2**32),
)
def test_every_admitted_float_is_valid(
    names: tuple[str, str], low: float, width: float, step: float | None, seed: int
) -> None:
    limits = {names[0]: low, names[1]: low + width} | ({} if step is None else {"multiple_of": step})
    try:
        contract = one(float, **limits)
    except ContractError as error:
        if "no number between" not in str(error):
            raise
        return
    grammar = compile_grammar(contract)
    text, _ = random_walk(grammar, BYTES, Random(seed))
    value = contract.model_validate_json(text)
    assert contract.model_validate_json(value.model_dump_json()) == value
    assert "e" not in text.removeprefix('{"n":').lower()


@pytest.mark.parametrize("step", [0.1, 0.25, 0.3, 1.5, 0.05, 0.0625, 7.0, 1.1])
def test_multiples_of_a_float_are_found_and_valid(step: float) -> None:
    numbers = [json.loads(text)["n"] for text in walks(one(float, multiple_of=step), 60)]
    assert min(numbers) < -1 < 1 < max(numbers)


@pytest.mark.parametrize("step", ["0.1", "0.25", "0.3", "0.05", "1.5", "2", "0.001"])
def test_the_decimals_admitted_are_the_valid_ones(step: str) -> None:
    contract = one(Decimal, ge=Decimal("-1.5"), lt=2, decimal_places=2, multiple_of=Decimal(step))
    grammar = compile_grammar(contract)
    for hundredths in range(-160, 210):
        text = f'{{"n":"{Decimal(hundredths) / 100:.2f}"}}'
        if hundredths:  # a zero may be written "0", never "-0.00"
            shorter = f'{{"n":"{Decimal(hundredths) / 100}"}}'
            admitted = admits(grammar, BYTES, text) or admits(grammar, BYTES, shorter)
            assert admitted == valid(contract, text), text


@settings(max_examples=80, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 28), st.integers(0, 28)),
    step=st.sampled_from([None, "0.01", "0.05", "0.5", "3", "0.15", "0.00001", "7"]),
    seed=st.integers(0, 2**32),
)
def test_every_admitted_decimal_is_valid(sizes: tuple[int, int], step: str | None, seed: int) -> None:
    limits = {"max_digits": max(sizes), "decimal_places": min(sizes)}
    try:
        contract = one(Decimal, **limits, **({} if step is None else {"multiple_of": Decimal(step)}))
    except ContractError as error:
        if "too many different multiples" not in str(error):
            raise
        return
    contract.model_validate_json(random_walk(compile_grammar(contract), BYTES, Random(seed))[0])


def test_a_bound_that_is_a_float_means_its_shortest_digits() -> None:
    for kind, text in ((float, "{}"), (Decimal, '"{}"')):
        limits: Any = {"decimal_places": 2} if kind is Decimal else {}
        grammar = compile_grammar(one(kind, ge=0.1, le=0.3, **limits))
        for number, inside in (("0.1", True), ("0.30", True), ("0.09", False), ("0.31", False)):
            assert admits(grammar, BYTES, f'{{"n":{text.format(number)}}}') is inside
        open_ended = compile_grammar(one(kind, gt=0.1, lt=0.3, **limits))
        for number, inside in (("0.1", False), ("0.11", True), ("0.29", True), ("0.3", False)):
            assert admits(open_ended, BYTES, f'{{"n":{text.format(number)}}}') is inside


@pytest.mark.parametrize("text", ["1e3", "-0", "01", "0.1e-5", "NaN", "Infinity", ".5", "1."])
def test_floats_are_plain_digits(text: str) -> None:
    assert not admits(compile_grammar(one(float, allow_inf_nan=True)), BYTES, f'{{"n":{text}}}')


def test_a_number_costs_as_many_bytes_as_its_longest_text() -> None:
    def longest(grammar: Grammar) -> int:
        return grammar.max_tokens - len('{"n":}') - 1

    assert longest(compile_grammar(one(int, ge=0, le=99))) == 2
    assert longest(compile_grammar(one(int, ge=-5, le=99))) == 2
    assert longest(compile_grammar(one(int))) == len("-999999999999")
    assert longest(compile_grammar(one(float, ge=0, le=1))) == len("0.123456")
    assert longest(compile_grammar(one(Decimal, max_digits=5, decimal_places=2))) == len('"-123.45"')


def test_a_number_without_bounds_is_a_short_expression() -> None:
    assert "[1-9][0-9]{0,11}" in compile_grammar(one(int)).lark
    assert len(compile_grammar(one(int)).lark) < 90


@given(
    low=st.integers(-3000, 3000),
    width=st.integers(0, 5000),
    step=st.sampled_from(["0.05", "0.25", "2.5", "5", "100", "0.4", "1", "0.01", "75"]),
    hundredths=st.integers(-9000, 9000),
)
def test_multiples_are_those_between_the_bounds(low: int, width: int, step: str, hundredths: int) -> None:
    first, last, number = (Decimal(scaled) / 100 for scaled in (low, low + width, hundredths))
    pattern = multiples(first, last, Decimal(step), 2)
    assert pattern is not None
    assume(hundredths)
    expected = first <= number <= last and number % Decimal(step) == 0
    assert bool(re.fullmatch(pattern, f"{number:.2f}")) == expected
    assert not re.fullmatch(pattern, f"0{abs(number):.2f}")


@given(st.integers(-300, 300), st.integers(0, 300), st.integers(-600, 600), st.integers(0, 3))
def test_decimals_have_as_many_places_as_they_may(low: int, width: int, number: int, places: int) -> None:
    first, last, tenths = Decimal(low) / 10, Decimal(low + width) / 10, Decimal(number) / 10
    if number and places:
        pattern = decimals(first, last, places, least=1)
        assert bool(re.fullmatch(pattern, f"{tenths:.{places}f}")) == (first <= tenths <= last)
        assert not re.fullmatch(pattern, f"{int(tenths)}")


@pytest.mark.parametrize(
    ("annotation", "limits", "advice"),
    [
        (int, {"multiple_of": 7, "ge": 1, "le": 6}, r"One\.n has no number between its bounds\. Widen ge and le"),
        (int, {"multiple_of": 9973}, r"One\.n has too many different multiples of 9973.*fewer than 200"),
        (int, {"multiple_of": 7, "le": 2**60}, r"too many different multiples of 7"),
        (float, {"multiple_of": 0.1, "le": 1e8}, r"Pydantic to see that it is a multiple of 0\.1\. Bound it within"),
        (float, {"multiple_of": 0.07}, r"too many different multiples of 0\.07.*fewer than 200"),
        (float, {"ge": 0.00000011, "le": 0.00000012}, r"no number between its bounds"),
        (Decimal, {"multiple_of": 3, "max_digits": 4, "decimal_places": 4}, None),
        (Decimal, {"multiple_of": 3, "max_digits": 20, "decimal_places": 4}, r"too many different multiples of 3"),
    ],
)
def test_numbers_that_cannot_be_enforced_are_refused_with_advice(
    annotation: Any, limits: dict[str, Any], advice: str | None
) -> None:
    if advice is None:
        assert compile_grammar(one(annotation, **limits)).max_tokens
        return
    with pytest.raises(ContractError, match=advice):
        one(annotation, **limits)
