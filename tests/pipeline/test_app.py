"""An app is loaded from a module or a file, or the reason is one sentence."""

from __future__ import annotations

import importlib
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import interlock
import pipeline
from models import Contract
from pipeline import App, Run, UsageError, load_app, workflow


@workflow(intent="a", examples=["a"])
async def one(run: Run) -> str:
    """Do one thing."""
    return ""


def test_a_file_or_a_module() -> None:
    assert load_app(str(Path(__file__).parent / "apps" / "shop.py")).name == "shop"
    assert load_app("pipeline.workflows.travel").workflows


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no.such.module", "There is no module no.such.module"),
        ("pipeline.nothing", "There is no module pipeline.nothing"),
        ("missing.py", "There is no file missing.py"),
        ("json", "json has no `app = App"),
    ],
)
def test_what_is_no_app(name: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        load_app(name)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_thing", r"cannot be loaded \(ModuleNotFoundError"),
        ("def (", r"cannot be loaded \(SyntaxError"),
        ("1 / 0", r"cannot be loaded \(ZeroDivisionError"),
        ("raise SystemExit(3)", r"cannot be loaded \(SystemExit: 3\)"),
    ],
)
def test_a_broken_app(tmp_path: Path, source: str, reason: str) -> None:
    (tmp_path / "bad.py").write_text(source)
    with pytest.raises(UsageError, match=reason):
        load_app(str(tmp_path / "bad.py"))


async def later(state: Path, today: date) -> None: ...


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda state: None, r"is called with two arguments \(too many positional arguments\)"),
        (lambda state, today, more: None, "missing a required argument: 'more'"),
        (later, "is an async function"),
    ],
    ids=["one", "three", "async"],
)
def test_what_cannot_prepare_is_refused_where_it_is_declared(prepare: Any, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        App("shop", [one], prepare=prepare)
    assert App("shop", [one], prepare=lambda state, today=None: None).prepare is not None


SHOP = """
import models
import stock.shelf
import prices as money
from interlock import App, Run, workflow
from models import Cart
from stock import shelf

assert models.Cart is Cart is shelf.Cart
assert stock.shelf is shelf

@workflow(intent="a", examples=["a"])
async def one(run: Run) -> str:
    \"\"\"Do one thing.\"\"\"
    return money.PRICE

app = App(models.NAME, [one])
"""
BESIDE = {
    "models.py": "from interlock import Contract\nNAME = 'corner'\nclass Cart(Contract):\n    full: bool\n",
    "prices.py": "PRICE = '3'\n",
    "stock/__init__.py": "",
    "stock/shelf.py": "from models import Cart\nimport shop as main\nassert not hasattr(main, 'app')\n",
}


def test_a_file_may_import_what_lies_beside_it(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        for name, source in {"shop.py": SHOP, **BESIDE}.items():
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_text(source.replace("corner", folder))
        # A file of the same name elsewhere has neighbours of its own.
        assert load_app(str(tmp_path / folder / "shop.py")).name == folder
    assert importlib.import_module("models").Contract is Contract


def test_a_neighbour_that_is_broken_is_named(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("import prices\n")
    (tmp_path / "prices.py").write_text("1 / 0\n")
    with pytest.raises(UsageError, match=r"shop\.py cannot be loaded \(ZeroDivisionError"):
        load_app(str(tmp_path / "shop.py"))


def test_an_app_is_checked_when_it_is_made() -> None:
    with pytest.raises(UsageError, match="has no workflows"):
        App("x", [])
    with pytest.raises(UsageError, match="cannot use the intent 'a'"):
        App("x", [one, one])


def test_a_workflow_is_checked_when_it_is_declared() -> None:
    with pytest.raises(UsageError, match="no docstring"):

        @workflow(intent="a", examples=["a"])
        async def silent(run: Run) -> str:
            return ""

    @workflow(intent="a", examples=["a"])
    async def odd(run: Run) -> str | date:
        """Return a day."""
        return ""

    with pytest.raises(UsageError, match="'odd' may return date"):
        App("x", [odd])

    @workflow(intent="a")
    async def lonely(run: Run) -> str:
        """Be alone."""
        return ""

    with pytest.raises(UsageError, match="no examples"):  # only called by others it needs none
        App("x", [lonely])


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"examples": "I want a lamp"}, "'I want a lamp' as its examples: give a list"),
        ({"examples": ["a lamp", ""]}, "'' as one of its examples: give a text"),
        ({"intent": " "}, "' ' as its intent: give a text"),
        ({"actions": len}, "as its actions: give a list"),
    ],
)
def test_one_thing_in_place_of_a_list_is_not_taken_apart(given: dict[str, Any], reason: str) -> None:
    async def buy(run: Run) -> str:
        """Buy a lamp."""
        return ""

    with pytest.raises(UsageError, match=reason):
        workflow(**{"intent": "buy", "examples": ["a lamp"], **given})(buy)


def test_what_is_no_workflow_is_not_listed() -> None:
    with pytest.raises(UsageError, match=r"lists .* as a workflow: decorate it with @workflow"):
        App("x", [len])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="a text as its out_of_scope_examples"):
        App("x", [one], out_of_scope_examples="sell me a car")


@pytest.mark.parametrize("face", [interlock, pipeline])
def test_the_public_face_is_sorted_and_complete(face: ModuleType) -> None:
    assert face.__all__ == sorted(face.__all__)
    assert all(hasattr(face, name) for name in face.__all__)


def test_a_short_name_is_the_long_one() -> None:
    assert interlock.Contract is Contract
    assert interlock.workflow is workflow
