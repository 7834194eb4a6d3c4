"""Every command that reads a record or goes on with it, on every kind of record: a table with no fault in it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.main import main

APPS = Path(__file__).parents[1] / "pipeline" / "apps"
SIMPLE = {
    "plain": "plain",
    "parked": "asked",
    "half answered": "asked",
    "answered": "asked",
    "declined": "asked",
    "form": "formed",
    "approved": "approved",
    "called and parked": "called",
    "called": "called",
    "beside": "beside",
    "escalated": "handed",
    "resolved": "handed",
    "refused": "refused",
    "uncertain": "uncertain",
    "happened": "uncertain",
    "did not happen": "uncertain",
    "failed": "crashed",
    "broken": "broken",
    "quarantined": "plain",
}
"""Kind of record to its text's first word, in the app kinds.py."""
WISHES = {"two wishes": "I want to buy a lamp. I want to send my old lamp back.", "out of scope": "Tell me a joke"}
ANSWERS: list[dict[str, Any]] = [
    {"half answered": "red"},
    {"answered": "red", "declined": "red", "form": "lamps", "approved": "yes", "called": "red", "beside": "red"},
    {"answered": "yes", "declined": "no", "form": "3", "called": "blue", "beside": "blue", "escalated": "May"},
    {"form": "yes", "resolved": "May", "failed": "yes"},
    {"resolved": "They were called.", "happened": True, "did not happen": False},
    {"two wishes": "blue"},
    {"two wishes": "It does not fit."},
]
KINDS = [*SIMPLE, *WISHES]


@dataclass
class Told:
    code: int
    out: str
    err: str

    @property
    def row(self) -> dict[str, Any]:
        row: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return row


Interlock = Callable[..., Told]


@pytest.fixture
def interlock(capsys: pytest.CaptureFixture[str]) -> Interlock:
    """A command, in this process: its exit code and what it said. No traceback, and nothing called a fault."""

    def run(*arguments: object) -> Told:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        told = Told(int(ended.value.code or 0), *capsys.readouterr())
        assert "fault in Interlock" not in told.out + told.err, told.err
        if arguments[0] != "inspect":  # which shows why a record failed
            assert "Traceback" not in told.err
        return told

    return run


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders of results, with a record of every kind between them."""
    root = tmp_path_factory.mktemp("kinds")

    def run(*arguments: object) -> None:
        with pytest.raises(SystemExit):
            main([str(argument) for argument in arguments])

    for name, texts in (("kinds", {kind: f"{word} lamp" for kind, word in SIMPLE.items()}), ("wishes", WISHES)):
        requests, answers = root / f"{name}.jsonl", root / f"{name}.answers.jsonl"
        requests.write_text("".join(json.dumps({"custom_id": k, "text": t}) + "\n" for k, t in texts.items()))
        common = ["-i", requests, "-o", root / name, "--app", APPS / f"{name}.py", "--today", "2026-11-22"]
        run("run", *common, "--concurrency", "4")
        for round in ANSWERS:
            rows = [
                {"custom_id": kind, **({"happened": said} if isinstance(said, bool) else {"answer": said})}
                for kind, said in round.items()
                if kind in texts
            ]
            if rows:
                rows = [row | {"result": "found sent"} if row.get("happened") else row for row in rows]
                answers.write_text("".join(json.dumps(row) + "\n" for row in rows))
                run("answer", root / name, answers)
        if name == "kinds":
            with closing(sqlite3.connect(root / name / "journal.sqlite")) as journal, journal:
                sql = "UPDATE records SET suspicion = 9, status = NULL, outcome = NULL WHERE id = 'quarantined'"
                journal.execute(sql)
                journal.execute("DELETE FROM steps WHERE record = 'quarantined'")
                journal.execute("DELETE FROM actions WHERE record = 'quarantined'")
            run("run", *common)
    return root


def home(folders: Path, kind: str) -> Path:
    return folders / ("kinds" if kind in SIMPLE else "wishes")


def row_of(out: Path, kind: str) -> dict[str, Any]:
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    found: dict[str, Any] = next(row for row in rows if row["custom_id"] == kind)
    return found


def kept(out: Path) -> dict[str, list[Any]]:
    """All that the journal of a folder holds."""
    with closing(sqlite3.connect(f"file:{out / 'journal.sqlite'}?mode=ro", uri=True)) as journal:
        tables = ("records", "steps", "actions", "questions", "events")
        return {table: journal.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables}


STATUSES = {
    "plain": "completed",
    "parked": "needs_input",
    "half answered": "needs_input",
    "answered": "completed",
    "declined": "completed",
    "form": "completed",
    "approved": "completed",
    "called and parked": "needs_input",
    "called": "completed",
    "beside": "completed",
    "escalated": "escalated",
    "resolved": "completed",
    "refused": "failed",
    "uncertain": "escalated",
    "happened": "completed",
    "did not happen": "escalated",
    "failed": "failed",
    "broken": "failed",
    "quarantined": "failed",
    "two wishes": "completed",
    "out of scope": "completed",
}


ENDED = {"resolved": "escalated"}
"""What a workflow came to, where a person then settled it."""
IDLE = {"refused": "escalated", "did not happen": "escalated", "uncertain": "escalated"}
"""What one comes to from a step on where an action would be done now, or it is still not known whether it was."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_what_it_is_called(folders: Path, kind: str) -> None:
    assert row_of(home(folders, kind), kind)["status"] == STATUSES[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_shown_and_compared_without_a_change(folders: Path, interlock: Interlock, kind: str) -> None:
    out = home(folders, kind)
    before = kept(out)
    assert interlock("inspect", out, kind).row["status"] == STATUSES[kind]
    assert interlock("inspect", out, kind, "--prompts").code == 0
    assert interlock("inspect", out).code == 0
    assert interlock("ledger", out).code == 0
    assert interlock("diff", out, out).code == 0
    assert kept(out) == before


@pytest.mark.parametrize("kind", KINDS)
def test_along_its_journal_it_comes_to_the_same_end(folders: Path, interlock: Interlock, kind: str) -> None:
    out = home(folders, kind)
    before = kept(out)
    told = interlock("replay", out, kind)
    if kind == "quarantined":  # it never came to an end by itself, and goes on here
        assert told.row["status"] == "escalated"
        assert "would be done now" in told.err
    else:
        ended = ENDED.get(kind, STATUSES[kind])
        assert (told.code, told.row["status"], told.row["changed"], told.row["anew"]) == (0, ended, [], []), told.err
    assert kept(out) == before


@pytest.mark.parametrize("kind", KINDS)
def test_from_any_step_on_it_comes_to_an_end_and_asks_nobody_what_was_answered(
    folders: Path, interlock: Interlock, kind: str
) -> None:
    out = home(folders, kind)
    before = kept(out)
    with closing(sqlite3.connect(f"file:{out / 'journal.sqlite'}?mode=ro", uri=True)) as journal:
        steps = [row[0] for row in journal.execute("SELECT position FROM steps WHERE record = ?", (kind,))]
    for position in steps:
        told = interlock("replay", out, kind, "--from", position)
        if kind in IDLE:
            assert told.row["status"] == IDLE[kind]
        else:
            assert (told.code, told.row["status"]) == (0, ENDED.get(kind, STATUSES[kind])), (position, told.err)
            assert any(line.split()[0] == position for line in told.row["anew"]), (position, told.row)
    assert kept(out) == before


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_and_a_retry_are_taken_or_refused_in_a_sentence(
    folders: Path, tmp_path: Path, interlock: Interlock, kind: str
) -> None:
    source, out = home(folders, kind), tmp_path / "out"
    shutil.copytree(source, out)
    done = (out / "shipped.txt").read_text() if (out / "shipped.txt").exists() else ""
    answers = tmp_path / "answers.jsonl"
    for given in ({"answer": "red"}, {"answer": "nonsense at all"}, {"happened": True, "result": "sent"}):
        answers.write_text(json.dumps({"custom_id": kind, **given}) + "\n")
        assert interlock("answer", out, answers).code in (0, 1)
    common = ["-i", folders / f"{source.name}.jsonl", "-o", out, "--app", APPS / f"{source.name}.py"]
    told = interlock("run", *common, "--retry", kind)
    assert told.code in (0, 1)
    assert row_of(out, kind)["status"] in ("completed", "needs_input", "escalated", "failed")
    if kind != "quarantined":
        assert interlock("replay", out, kind).row["changed"] == []
    if STATUSES[kind] == "completed":  # whatever is served once more: what was done is not done again
        assert ((out / "shipped.txt").read_text() if (out / "shipped.txt").exists() else "").startswith(done)
