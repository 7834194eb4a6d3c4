"""A record can be walked again along its journal; the run it came from does not change, and nothing is done twice."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from pipeline_world import TODAY, lines, write_requests

from pipeline import App, UsageError, read_requests, run_batch
from pipeline.batch.replay_record import rerun
from pipeline.runtime.folder import Folder


async def ran(shop: App, tmp_path: Path) -> Folder:
    source = write_requests(tmp_path / "in.jsonl", {"a": "one lamp", "b": "something broken", "c": "tell me which"})
    await run_batch(shop, read_requests(source), tmp_path / "out", today=TODAY)
    return Folder(tmp_path / "out")


def sales(folder: Folder) -> int:
    with closing(sqlite3.connect(folder.path / "shop.sqlite")) as database:
        return int(database.execute("SELECT count(*) FROM sales").fetchone()[0])


async def test_along_its_journal_a_record_comes_to_the_same_end_without_a_new_step(shop: App, tmp_path: Path) -> None:
    folder = await ran(shop, tmp_path)
    kept = folder.results.read_bytes()
    for row in lines(folder.results):
        before, outcome, fresh = await rerun(shop, folder, row["custom_id"])
        assert before == row
        now = outcome.row()
        assert {name: now[name] for name in ("status", "message", "error")} == {
            name: row[name] for name in ("status", "message", "error")
        }
        assert fresh == []
    assert folder.results.read_bytes() == kept
    assert sales(folder) == 1


async def test_from_a_step_on_it_runs_anew_but_does_no_action_twice(shop: App, tmp_path: Path) -> None:
    folder = await ran(shop, tmp_path)
    _, outcome, fresh = await rerun(shop, folder, "a", since="2")
    assert outcome.ending.message == "sold lamp for 9.90"  # as the ledger says
    assert fresh == ["2 offer", "3 sell"]
    assert sales(folder) == 1


async def test_an_action_that_was_not_done_is_told_and_not_done(shop: App, tmp_path: Path) -> None:
    folder = await ran(shop, tmp_path)
    with closing(sqlite3.connect(folder.journal)) as journal, journal:
        journal.execute("DELETE FROM actions")
    _, outcome, _ = await rerun(shop, folder, "a", since="3")
    assert outcome.ending.escalation is not None
    assert outcome.ending.escalation.reason == '\'sell\' would be done now with ["state:.","lamp"].'
    assert sales(folder) == 1


async def test_nor_is_one_that_a_killed_process_had_only_reserved(shop: App, tmp_path: Path) -> None:
    folder = await ran(shop, tmp_path)
    with closing(sqlite3.connect(folder.path / "shop.sqlite")) as database, database:
        database.execute("DELETE FROM sales")
    with closing(sqlite3.connect(folder.journal)) as journal, journal:
        journal.execute("UPDATE actions SET state = 'reserved', result = NULL, committed = NULL")
    _, outcome, _ = await rerun(shop, folder, "a", since="3")
    assert outcome.ending.escalation is not None
    assert "would be done now" in outcome.ending.escalation.reason
    assert sales(folder) == 0


@pytest.mark.parametrize(("id", "since", "reason"), [("x", None, "holds no record 'x'"), ("a", "9", "has no step 9")])
async def test_what_is_not_there_is_a_sentence(
    shop: App, tmp_path: Path, id: str, since: str | None, reason: str
) -> None:
    folder = await ran(shop, tmp_path)
    with pytest.raises(UsageError, match=reason):
        await rerun(shop, folder, id, since)
