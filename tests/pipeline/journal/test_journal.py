"""The journal keeps what it was given, and says so in one sentence when it cannot."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from pipeline_world import TODAY

from pipeline import Journal, JournalError, Progress, Question
from pipeline.journal.rows import StepRow
from pipeline.journal.tables import connect_with_tables


async def test_a_step_is_on_disk_when_keep_returns(journal: Journal) -> None:
    journal.begin("r1", "[]", TODAY)
    await journal.keep("r1", StepRow("1", "count", "d", 0, "3", detail={"a": 1}))
    with closing(sqlite3.connect(journal.path)) as other:
        assert other.execute("SELECT name, result FROM steps").fetchall() == [("count", "3")]
    assert journal.steps("r1")[0].detail == {"a": 1}


async def test_steps_of_many_records_share_transactions(journal: Journal) -> None:
    await asyncio.gather(*(journal.keep(f"r{n}", StepRow("1", "s", "d", 0, "1")) for n in range(2000)))
    with closing(sqlite3.connect(journal.path)) as other:
        assert other.execute("SELECT count(*) FROM steps").fetchone() == (2000,)


async def test_an_entry_that_is_refused_does_not_take_its_neighbours_with_it(journal: Journal) -> None:
    step = StepRow("1", "s", "d", 0, "1")
    results = await asyncio.gather(
        journal.keep("a", step), journal.keep("a", step), journal.keep("b", step), return_exceptions=True
    )
    assert [type(result) for result in results] == [type(None), JournalError, type(None)]
    assert journal.steps("b")


async def test_events_hold_any_text(journal: Journal) -> None:
    journal.tell(Progress("r1", "odd \ud800 \x00 text"))
    await journal.keep("r1", StepRow("1", "s", "d", 0, "1"))
    assert journal.events("r1") == [{"event": "Said", "text": "odd \ud800 \x00 text"}]


async def test_a_full_disk_is_a_sentence_and_loses_nothing_that_was_kept(journal: Journal) -> None:
    await journal.keep("r1", StepRow("1", "s", "d", 0, "1"))
    pages = journal._writer.execute("PRAGMA page_count").fetchone()[0]
    journal._writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalError, match="free space"):
        await journal.keep("r1", StepRow("2", "s", "d", 0, "x" * 500_000))
    with pytest.raises(JournalError, match="free space"):
        await journal.keep("r2", StepRow("1", "s", "d", 0, "1"))
    assert journal.steps("r1")


@pytest.mark.parametrize("version", [2, 99])
async def test_a_journal_of_another_version_is_refused(tmp_path: Path, version: int) -> None:
    async with Journal.open(tmp_path / "j"):
        pass
    with closing(sqlite3.connect(tmp_path / "j")) as database, database:
        database.execute("UPDATE meta SET value = ?", (str(version),))
    with pytest.raises(
        JournalError, match=rf"journal {version}, this one reads 3\): use that version, or a new folder"
    ):
        Journal.open(tmp_path / "j")


async def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("this is not a database at all, whatever its name may be" * 20)
    with closing(sqlite3.connect(tmp_path / "other")) as database, database:
        database.execute("CREATE TABLE cats (name TEXT)")
    for name in ("text", "other"):
        with pytest.raises(JournalError, match="cannot be opened as a journal"):
            Journal.open(tmp_path / name)


async def test_only_a_waiting_record_takes_an_answer(journal: Journal) -> None:
    journal.begin("r1", "[]", TODAY)
    with pytest.raises(JournalError, match="does not wait"):
        await journal.answer("r1", "yes")
    await journal.park("r1", StepRow("1", "ask", "d", 0, None), Question("item", "Which?"))
    with pytest.raises(JournalError, match="does not wait"):  # its record has not come to rest yet
        await journal.answer("r1", "yes")


async def test_all_unfinished_records_are_read_in_order_however_many(journal: Journal) -> None:
    ids = [f"r{number}" for number in range(1200, 0, -1)]
    for id in ids:
        journal.begin(id, '[["customer", "one lamp"]]', TODAY)
    await journal.keep("r1", StepRow("1", "count", "d", 0, "1"))
    assert [record.id for record in journal.unfinished()] == ids


def test_two_may_make_the_tables_of_a_new_file_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.sqlite"
    connect_with_tables(path).close()
    monkeypatch.setattr("pipeline.journal.tables._version", lambda connection: 0)  # as the other one saw it just before
    connect_with_tables(path).close()
    with sqlite3.connect(path, timeout=0.1) as third:
        third.execute("INSERT INTO meta VALUES ('k', 'v')")


def test_who_opens_a_file_waits_for_another_that_writes_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = threading.Timer(0.2, lambda: other.execute("COMMIT"))
        done.start()
        connect_with_tables(path).close()
        done.join()
