"""The ladder: each rung differs from the last, and the top is a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from models.engines.engine import Message, Sampling
from pipeline import Escalation
from pipeline.generation import recovery
from pipeline.generation.recovery import HOPELESS, LADDER, UNFIT, WARM, Attempt, Cause, Means, Rung, Try, climb

FIRST = Try((Message("user", "How many?"),), Sampling(seed=3))
_LINES = (recovery.__doc__ or "").splitlines()
_HEADING = next(line for line in _LINES if line.split()[:2] == ["rung", "invalid"])
TABLE = [line.ljust(60) for line in _LINES if line.startswith("    ") and line != _HEADING]
COLUMN = {
    cause: slice(at := _HEADING.index(cause), at + len(cause)) for cause in ("invalid", "guardrail", "unreadable")
}


async def climbed(
    errors: list[str | None], cause: Cause = "invalid", ladder: Sequence[Rung] = LADDER, **means: Any
) -> tuple[list[Try], Attempt | Escalation]:
    tries: list[Try] = []

    async def attempt(asked: Try) -> Attempt:
        tries.append(asked)
        error = errors[len(tries) - 1]
        return Attempt(f"text {len(tries)}", "stop", error, cause if error else None, "limit" if error else None)

    try:
        return tries, await climb(FIRST, attempt, ladder, Means(**means))
    except Escalation as escalation:
        return tries, escalation


async def test_a_good_answer_is_taken_at_once() -> None:
    tries, result = await climbed([None])
    assert tries == [FIRST]
    assert isinstance(result, Attempt)


ALL = {"retrieves": True, "prompts": True, "second": True}


async def test_each_try_differs_from_the_last_and_the_top_is_a_person() -> None:
    tries, result = await climbed(["too few", "too many", *["no"] * 4], "guardrail", **ALL)
    rungs = [None, "resample", "repair", "re_retrieve", "other_format", "other_model"]
    assert [(t.rung, t.number) for t in tries] == [(rung, n) for n, rung in enumerate(rungs, 1)]
    assert len({replace(t, number=0, rung=None) for t in tries}) == 6
    assert tries[1].sampling == Sampling(temperature=WARM, seed=4)
    assert tries[2].messages[1] == Message("assistant", "text 2")
    assert "too many" in tries[2].messages[2].content
    assert (tries[3].wider, tries[4].prompted, tries[5].second) == (True, True, True)
    assert tries[4].messages == tries[5].messages == FIRST.messages
    assert result == Escalation("human", "The model was asked 6 times and its answer still broke a rule: no")


@pytest.mark.parametrize(
    ("cause", "rungs"),
    [
        ("invalid", ["resample", "repair", "other_format", "other_model"]),
        ("guardrail", ["resample", "repair", "re_retrieve", "other_format", "other_model"]),
        ("unreadable", ["other_model"]),
    ],
)
async def test_each_cause_enters_where_the_table_says(cause: Cause, rungs: list[str]) -> None:
    tries, _ = await climbed(["no"] * 9, cause, **ALL)
    assert [t.rung for t in tries[1:]] == rungs
    marked = {name for line in TABLE if (name := line.split()[0]) and "×" in line[COLUMN[cause]]}
    assert marked == {*rungs, "escalate", *(["clarify"] if cause == "guardrail" else [])}


async def test_what_is_not_at_hand_is_left_out() -> None:
    tries, _ = await climbed(["no"] * 9, "guardrail")
    assert [t.rung for t in tries[1:]] == ["resample", "repair"]


async def test_before_a_person_takes_over_the_customer_is_asked() -> None:
    asked: list[str] = []

    async def clarify(rule: str) -> None:
        asked.append(rule)

    _, result = await climbed(["no"] * 9, "guardrail", clarify=clarify)
    assert asked == ["limit"]
    assert isinstance(result, Escalation)
    await climbed(["no"] * 9, "invalid", clarify=clarify)
    assert asked == ["limit"]


async def test_a_record_has_a_budget_of_tries() -> None:
    tries, result = await climbed(["no"] * 9, "guardrail", **ALL, left=2)
    assert [t.rung for t in tries] == [None, "resample"]
    assert isinstance(result, Escalation)


async def test_a_rung_that_helps_ends_the_climb() -> None:
    tries, result = await climbed(["too few", None])
    assert len(tries) == 2
    assert result == Attempt("text 2", "stop")


async def test_what_cannot_change_is_not_asked_again() -> None:
    tries, result = await climbed(["no"], ladder=HOPELESS)
    assert len(tries) == 1
    with pytest.raises(Escalation, match="asked once"):
        raise result if isinstance(result, Escalation) else AssertionError


async def test_a_rung_whose_prompt_does_not_fit_is_passed_over() -> None:
    rungs: list[str | None] = []

    async def attempt(asked: Try) -> Attempt:
        rungs.append(asked.rung)
        if asked.rung in ("repair", "other_format"):
            return Attempt("", UNFIT, "The prompt is too long.")
        return Attempt("text", "stop", "too few", "invalid")

    with pytest.raises(Escalation, match="asked 3 times and its answer still broke a rule: too few"):
        await climb(FIRST, attempt, LADDER, Means(prompts=True, second=True))
    assert rungs == [None, "resample", "repair", "other_format", "other_model"]
