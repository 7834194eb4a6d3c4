"""The ladder: each rung differs from the last, and the top is a person."""

from __future__ import annotations

import pytest

from models.engine import Message, Sampling
from pipeline import Escalation
from pipeline.recovery import HOPELESS, LADDER, WARM, Attempt, Try, climb

FIRST = Try((Message("user", "How many?"),), Sampling(seed=3))


async def climbed(errors: list[str | None], ladder: object = LADDER) -> tuple[list[Try], Attempt | Escalation]:
    tries: list[Try] = []

    async def attempt(asked: Try) -> Attempt:
        tries.append(asked)
        return Attempt(f"text {len(tries)}", "stop", errors[len(tries) - 1])

    try:
        return tries, await climb(FIRST, attempt, ladder)  # type: ignore[arg-type]
    except Escalation as escalation:
        return tries, escalation


async def test_a_good_answer_is_taken_at_once() -> None:
    tries, result = await climbed([None])
    assert tries == [FIRST]
    assert isinstance(result, Attempt)


async def test_first_another_draw_then_the_error_is_shown_then_a_person() -> None:
    tries, result = await climbed(["too few", "too many", "still too many"])
    assert [(t.rung, t.number) for t in tries] == [(None, 1), ("resample", 2), ("repair", 3)]
    assert tries[1].messages == FIRST.messages
    assert tries[1].sampling == Sampling(temperature=WARM, seed=4)
    assert tries[2].messages[1] == Message("assistant", "text 2")
    assert "too many" in tries[2].messages[2].content
    assert result == Escalation(
        "human", "The model was asked 3 times and its answer still broke a rule: still too many"
    )


async def test_a_rung_that_helps_ends_the_climb() -> None:
    tries, result = await climbed(["too few", None])
    assert len(tries) == 2
    assert result == Attempt("text 2", "stop")


async def test_what_cannot_change_is_not_asked_again() -> None:
    tries, result = await climbed(["no"], HOPELESS)
    assert len(tries) == 1
    with pytest.raises(Escalation, match="asked once"):
        raise result if isinstance(result, Escalation) else AssertionError
