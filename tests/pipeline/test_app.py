"""An app is loaded from a module or a file, or the reason is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

import pipeline
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
    ],
)
def test_a_broken_app(tmp_path: Path, source: str, reason: str) -> None:
    (tmp_path / "bad.py").write_text(source)
    with pytest.raises(UsageError, match=reason):
        load_app(str(tmp_path / "bad.py"))


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

    @workflow(intent="a")
    async def lonely(run: Run) -> str:
        """Be alone."""
        return ""

    with pytest.raises(UsageError, match="no examples"):  # only called by others it needs none
        App("x", [lonely])


def test_the_public_face_is_sorted_and_complete() -> None:
    assert pipeline.__all__ == sorted(pipeline.__all__)
    assert all(hasattr(pipeline, name) for name in pipeline.__all__)
