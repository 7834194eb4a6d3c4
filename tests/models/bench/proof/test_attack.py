from __future__ import annotations

from dataclasses import replace
from random import Random

from pydantic import Field, field_validator

from models import Contract
from models.bench.proof.attack import KEPT, Tally, attack
from models.engines.tokenizers import load_tokenizer
from models.grammar.grammar import Grammar, compile_grammar

BYTES = load_tokenizer("byte")


class Seat(Contract):
    row: int = Field(ge=1, le=30)
    note: str = Field(max_length=4)

    @field_validator("row")
    @classmethod
    def not_thirteen(cls, row: int) -> int:
        if row == 13:
            raise ValueError("unlucky")
        return row


SEAT = compile_grammar(Seat)


def test_a_compiled_contract_loses_no_completion_but_to_its_own_validator() -> None:
    tally = attack(Seat, SEAT, BYTES, Random(0), 200)
    assert tally.attacks == 200
    assert tally.broken == 0
    assert 0 < tally.outcomes["refused_after"] < 30
    assert tally.wrong == []


def test_a_grammar_wider_than_its_contract_is_found_out() -> None:
    wide = Grammar('start: "{\\"row\\":" /[0-9]{1,2}/ ",\\"note\\":\\"\\"}"', 30)
    tally = attack(Seat, wide, BYTES, Random(0), 200)
    assert tally.outcomes["invalid"] > 50
    assert tally.outcomes["unparseable"] > 0  # 07 is no JSON number
    assert len(tally.wrong) == KEPT
    outcome, reason, text = tally.wrong[0]
    assert outcome in ("invalid", "unparseable")
    assert reason
    assert text.startswith('{"row":')


def test_a_budget_below_the_longest_text_is_found_out() -> None:
    tally = attack(Seat, replace(SEAT, max_tokens=SEAT.max_tokens - 4), BYTES, Random(0), 50, "longest")
    assert tally.outcomes["over_budget"] > 0


def test_tallies_add_up() -> None:
    first, second = Tally(), Tally()
    for number in range(KEPT):
        first.add("invalid", "wrong", str(number))
        second.add("valid")
    second.add("over_budget", "too long", "x")
    first.merge(second)
    assert (first.attacks, first.broken) == (2 * KEPT + 1, KEPT + 1)
    assert [text for _, _, text in first.wrong] == [str(number) for number in range(KEPT)]
