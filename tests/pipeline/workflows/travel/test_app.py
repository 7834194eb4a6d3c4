"""The sample app is complete: five intents, actions that can be looked up after a crash, an inventory, a refusal."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipeline.action import Action
from pipeline.app import load_app
from pipeline.errors import Refused
from pipeline.workflows.travel import actions
from pipeline.workflows.travel.inventory import Inventory

TODAY = date(2026, 11, 23)
APP = load_app("pipeline.workflows.travel")
ACTIONS = [value for value in vars(actions).values() if isinstance(value, Action)]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    assert APP.prepare is not None
    APP.prepare(tmp_path, TODAY)
    return tmp_path


def test_the_app_has_its_five_intents() -> None:
    intents = [workflow.intent for workflow in APP.workflows]
    assert intents == ["book_trip", "change_booking", "cancel_booking", "ask_policy", "complain"]
    assert len(APP.out_of_scope_examples) >= 25
    assert APP.knowledge is not None
    assert len(list(APP.knowledge.glob("*.md"))) >= 12


def test_every_action_belongs_to_one_intent_and_can_be_looked_up() -> None:
    assert len(ACTIONS) == 4
    for action in ACTIONS:
        assert action.checker is not None
        assert sum(workflow.unlocks(action) for workflow in APP.workflows) == 1


async def test_an_action_is_found_again_by_its_key(state: Path) -> None:
    flight = Inventory(state).flights("Mumbai", "Goa", date(2026, 12, 1))[0]
    calls: list[tuple[Any, tuple[Any, ...]]] = [
        (actions.book, (state, flight.id, 1)),
        (actions.change, (state, "MD7K2Q", flight.id, TODAY)),
        (actions.cancel, (state, "MD9WLP", TODAY)),
        (actions.open_ticket, (state, "Cold food", None, None)),
    ]
    for action, arguments in calls:
        key = action.name
        assert await action.happened(arguments, key) is None
        done = await action(*arguments, key=key)
        assert await action.happened(arguments, key) == done == await action(*arguments, key=key)


async def test_what_cannot_be_done_is_refused_and_leaves_nothing(state: Path) -> None:
    full = Inventory(state).flights("Mumbai", "Tokyo", date(2026, 11, 24))[0]
    calls: list[tuple[Any, tuple[Any, ...]]] = [
        (actions.book, (state, full.id, 1)),
        (actions.change, (state, "MD7K2Q", full.id, TODAY)),
        (actions.cancel, (state, "MDB6YC", TODAY)),
    ]
    for action, arguments in calls:
        with pytest.raises(Refused):
            await action(*arguments, key="key")
        assert await action.happened(arguments, "key") is None


def test_preparing_again_keeps_what_was_sold(state: Path) -> None:
    Inventory(state).cancel("MD9WLP", TODAY, "key")
    assert APP.prepare is not None
    APP.prepare(state, date(2026, 11, 24))
    done = Inventory(state).cancelled("key")
    assert done is not None
    assert done.fee == Decimal(0)
