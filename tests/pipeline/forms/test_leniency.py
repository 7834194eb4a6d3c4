"""What a class that guesses read from a whole answer is confirmed before an action is fed with it."""

from __future__ import annotations

from datetime import date
from typing import Self

import pytest
from pipeline_world import Passing
from pydantic import Field

from models import Contract, Said
from pipeline import Journal, Run, action, workflow
from pipeline.errors import Suspend
from pipeline.forms.amending import settled

DONE: list[str] = []
NONSENSE = "I need a headset, 1 piece"


class User(str):
    """A user's name."""

    @classmethod
    def read(cls, text: str, today: date) -> Self | None:
        return next((cls(word) for word in text.split() if word.islower() and len(word) > 2), None)


class Reset(Contract):
    user: Said[User] = Field(description="Which user?")


@action
async def reset(user: str, key: str) -> str:
    DONE.append(user)
    return user


@workflow(intent="reset", examples=["reset a password"], actions=[reset])
async def resetting(run: Run) -> str:
    """Reset a password."""
    known = run._scope.collected.forms.get(Reset, {"user": None})
    form, values = await run._scope.filling.collect(Reset, dict(known), ())
    run._scope.collected.collect(form, values)
    if run.text == "confirmed":
        await run.confirm(f"Reset the password of {form.user}?")
    return await run.do(reset, form.user)


async def served(passing: Passing, text: str) -> str:
    run = passing(text)
    run.unlock(resetting)
    try:
        return str(await settled(lambda: resetting.body(run), run._start_over))
    except Suspend as asked:
        return asked.question.text


async def answered(passing: Passing, journal: Journal, *answers: str, text: str = "reset it") -> list[str]:
    DONE.clear()
    told = [await served(passing, text)]
    for answer in answers:
        await journal.write(("UPDATE records SET status = 'needs_input' WHERE id = 'r1'", ()))
        await journal.answer("r1", answer)
        told.append(await served(passing, text))
    return told


async def test_nonsense_is_read_back_before_anything_is_done(passing: Passing, journal: Journal) -> None:
    told = await answered(passing, journal, NONSENSE, "no", "anna", text="reset it")
    assert told == ["Which user?", 'I read "need" as the user: is that right?', "Which user?", "anna"]
    assert DONE == ["anna"]
    assert await served(passing, "reset it") == "anna"  # along the journal, nothing is asked or done again
    assert DONE == ["anna"]


async def test_a_yes_lets_it_be_done(passing: Passing, journal: Journal) -> None:
    assert (await answered(passing, journal, NONSENSE, "yes"))[-1] == "need"
    assert DONE == ["need"]


@pytest.mark.parametrize("answer", ["anna", "anna!"])
async def test_an_answer_that_is_the_value_is_not_asked_about(passing: Passing, journal: Journal, answer: str) -> None:
    assert await answered(passing, journal, answer) == ["Which user?", answer]


async def test_a_confirmation_that_names_the_value_is_enough(passing: Passing, journal: Journal) -> None:
    told = await answered(passing, journal, NONSENSE, "yes", text="confirmed")
    assert told[1:] == ["Reset the password of need?", "need"]


async def test_a_record_that_was_done_before_such_questions_goes_on(passing: Passing, journal: Journal) -> None:
    await answered(passing, journal, NONSENSE, "yes")
    # As a version that did not ask left it: the action stands where the question is now.
    await journal.write(
        ("DELETE FROM steps WHERE position = '2'", ()), ("UPDATE steps SET position = '2' WHERE position = '3'", ())
    )
    assert await served(passing, "reset it") == "need"
    assert DONE == ["need"]
