"""What every command obeys at a terminal: --json, --wide, --quiet, NO_COLOR; and what a shell is told to complete."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from command import COMMAND, QUIET, ROOT

from pipeline import Journal
from scripts.console import complain, console
from scripts.main import hoisted, main

LONG = "x" * 150


def told(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in QUIET.items() if name not in ("COLUMNS", "NO_COLOR")} | variables
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_options_of_every_command_may_stand_anywhere() -> None:
    assert hoisted(["inspect", "OUT", "--json", "--wide"]) == ["--json", "--wide", "inspect", "OUT"]
    assert hoisted(["inspect", "--", "--json"]) == ["inspect", "--", "--json"]


async def test_a_table_is_not_wrapped_through_a_pipe_and_is_json_if_wanted(tmp_path: Path) -> None:
    out = tmp_path / LONG
    out.mkdir()
    async with Journal.open(out / "journal.sqlite"):
        pass
    shown = told("inspect", out)
    assert shown.returncode == 0, shown.stderr
    assert str(out) in shown.stderr  # the title, in one line
    rows = told("inspect", out, "--json")
    table, last = map(json.loads, rows.stdout.splitlines())
    assert (table["table"], table["rows"]) == (str(out), [])
    assert last["records"] == 0
    assert rows.stderr == ""
    quiet = told("inspect", out, "--quiet")
    assert (quiet.stderr, json.loads(quiet.stdout)["records"]) == ("", 0)
    assert str(out) in told("inspect", out, "--wide", COLUMNS="60").stderr


def test_colours_are_off_if_asked() -> None:
    assert "\x1b[" in told("doctor", FORCE_COLOR="1").stderr
    assert "\x1b[3" not in told("doctor", FORCE_COLOR="1", NO_COLOR="1").stderr


@pytest.mark.parametrize(
    ("shell", "says"), [("bash", "complete -o"), ("zsh", "#compdef interlock"), ("fish", "complete")]
)
def test_a_shell_learns_to_complete(shell: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["completion", shell])
    assert ended.value.code == 0
    script = capsys.readouterr().out
    assert says in script
    assert "_INTERLOCK_COMPLETE" in script


def test_what_is_completed_are_the_commands() -> None:
    asked = told(_INTERLOCK_COMPLETE="complete_bash", COMP_WORDS="interlock ins", COMP_CWORD="1")
    assert asked.stdout.split() == ["inspect"], asked.stderr


def test_an_option_that_there_is_not_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["inspect", os.devnull, "--nope"])
    assert ended.value.code == 2
    assert "--nope" in capsys.readouterr().err


def test_what_cannot_be_used_is_said_also_with_quiet(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "quiet", True)
    console.print("3 of 4 answers were given")
    complain("Line 2 was left out: it is no JSON.")
    assert capsys.readouterr().err == "Line 2 was left out: it is no JSON.\n"
    assert console.quiet
