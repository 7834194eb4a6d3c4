"""An option that takes one value, written twice: refused by name, by every command."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from scripts.commands import Command
from scripts.main import app, main


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("run -i x.jsonl -o a -o b", "--out is given 2 times, and takes one value: write it once."),
        ("run -i x.jsonl --out a -o b --model m -o c", "--out is given 3 times"),
        ("run -i x.jsonl -o a --trust --no-trust", "--trust/--no-trust is given 2 times"),
        ("check --within 9 --seed 1 --within 9", "--within is given 2 times"),
        ("check a.py --seed=1 --seed=2", "--seed is given 2 times"),
        ("bench decode --flags '--seed 1' --flags '--x'", "--flags is given 2 times"),
        ("bench decode --rate 1 --rate 2", "--rate is given 2 times"),
        ("index search nowhere question --k 3 --k 4", "--k is given 2 times"),
        ("evaluate gate --data x --seed 3 --seed 4", "--seed is given 2 times"),
        ("serve-flags --version 0.24.0 --version 0.32.0", "--version is given 2 times"),
    ],
)
def test_it_is_refused_by_name(line: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(shlex.split(line))
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("bench decode --url plain=http://x --url plain=http://y", "Two servers are given as plain."),  # takes several
        ("--json serve-flags --quiet --quiet --version no", "--version no is no version"),  # says the same again
        ("serve-flags --version 1.2 -- --version 1.3", "unexpected extra argument"),  # no option
        ("serve-flags --version", "requires an argument"),
    ],
)
def test_what_may_be_repeated_is_not(line: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(shlex.split(line))
    said = capsys.readouterr().err
    assert told in said
    assert "is given" not in said


def test_help_is_given_whatever_stands_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["serve-flags", "--version", "1", "--version", "2", "--help"])
    assert "Print the flags" in capsys.readouterr().out


def commands(one: Any) -> Iterator[Any]:
    yield from (
        (found for inner in one.commands.values() for found in commands(inner)) if hasattr(one, "commands") else (one,)
    )


def test_every_command_is_of_the_class_that_refuses() -> None:
    found = list(commands(get_command(app)))
    assert len(found) > 40
    assert [one.name for one in found if not isinstance(one, Command)] == []
