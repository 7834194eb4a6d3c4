"""Statements put together: the same rows as one by one, in the same order, and nothing moved past another write."""

from datetime import date

import pytest

from pipeline.events import Progress
from pipeline.journal.journal import Journal
from pipeline.journal.rows import StepRow
from pipeline.journal.statements import Sql, insert_event, insert_record, insert_step, together, update_outcome
from pipeline.journal.tables import connect_with_tables

TABLES = (
    "SELECT id, input, status, outcome FROM records ORDER BY id",
    "SELECT record, body FROM events ORDER BY number",
    "SELECT record, position, result, detail FROM steps ORDER BY record, position",
)


def rows_of(count: int) -> list[Sql]:
    found: list[Sql] = []
    for number in range(count):
        id = f"r{number}"
        found += [insert_record(id, "[]", date(2026, 1, 1)), insert_event(Progress(id, "begun"))]
        found.append(insert_step(id, StepRow("1", "a", "", 0, str(number), detail={"says": "é\ud800"})))
        if number % 30 == 3:  # of a kind that stands in the way
            found.append(("UPDATE records SET input = input || ' seen' WHERE status IS NULL", ()))
        found.append(update_outcome(id, "completed", None, f"line {number}", None))
    return found


@pytest.mark.parametrize("count", [1, 15, 100])
def test_rows_that_are_written_together_are_those_written_one_by_one(tmp_path, count):
    statements = rows_of(count)
    kept = []
    for name, chosen in (("one.sqlite", statements), ("many.sqlite", list(together(statements)))):
        connection = connect_with_tables(tmp_path / name)
        for sql, parameters in chosen:
            connection.execute(sql, parameters)
        kept.append([connection.execute(query).fetchall() for query in TABLES])
        connection.close()
    assert kept[0] == kept[1]
    assert len(kept[0][0]) == count
    if count == 100:
        assert len(list(together(statements))) < len(statements) / 3


async def test_what_was_written_in_a_round_is_there_when_the_journal_is_closed_in_it(tmp_path):
    journal = Journal.open(tmp_path / "journal.sqlite")
    journal.begin("a", "[]", date(2026, 1, 1))
    await journal.close()
    again = Journal.open(tmp_path / "journal.sqlite")
    assert again.record("a") == ("[]", None)
    await again.close()
