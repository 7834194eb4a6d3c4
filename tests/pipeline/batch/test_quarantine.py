"""A record that kills its process is found, set aside, and nobody else with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pipeline_world import TODAY, lines, write_requests

from pipeline import Journal, load_app, read_requests, run_batch
from pipeline.events import RecordStarted
from pipeline.journal.quarantine import convicted, sentence

APPS = Path(__file__).parents[1] / "apps"


def mortal(app: str, source: Path, out: Path, *how: object) -> str:
    command = [sys.executable, APPS / "mortal.py", APPS / f"{app}.py", source, out, *how]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("poisons", "starts"), [({"r7": "abort"}, 4), ({"r7": "kill", "r8": "abort", "r39": "kill"}, 10)]
)
def test_the_poison_is_set_aside_and_everything_else_is_done(
    tmp_path: Path, poisons: dict[str, str], starts: int
) -> None:
    texts = {f"r{n}": "a text" for n in range(60)} | poisons
    out = tmp_path / "out"
    took = int(mortal("poison", write_requests(tmp_path / "in.jsonl", texts), out, "restart"))
    rows = {row["custom_id"]: row for row in lines(out / "results.jsonl")}
    assert {id for id, row in rows.items() if row["status"] == "failed"} == set(poisons)
    assert {row["status"] for id, row in rows.items() if id not in poisons} == {"completed"}
    assert len(rows) == 60
    assert rows["r7"]["error"] == sentence("r7", 5)
    assert "twice" in rows["r7"]["error"]
    assert "--retry r7" in rows["r7"]["error"]
    assert took <= starts  # three for each poison, fewer where two are in flight together, and the last


async def test_a_retried_record_has_a_clean_slate(tmp_path: Path) -> None:
    source, out = write_requests(tmp_path / "in.jsonl", {"r1": "a text", "r2": "kill"}), tmp_path / "out"
    mortal("poison", source, out, "restart")
    app = load_app(str(APPS / "poison.py"))
    async with Journal.open(out / "journal.sqlite") as journal:
        await journal.retry(["r2"])
        assert journal.suspects() == {}
    assert int(mortal("poison", source, out, "restart")) == 4  # it is given the same chances again
    summary = await run_batch(app, read_requests(source), out)
    assert summary.statuses["failed"] == 1


async def test_only_what_was_in_flight_when_a_process_was_killed_is_suspected(tmp_path: Path) -> None:
    async with Journal.open(tmp_path / "journal.sqlite") as journal:
        await journal.begin_run({})
        for id in ("early", "flying"):
            journal.begin(id, "[]", TODAY)
        await journal.start(RecordStarted("early"))
        journal.end_run()
        await journal.begin_run({})
        assert journal.suspects() == {}  # it was stopped, not killed
        await journal.start(RecordStarted("flying"))
    for suspicion in (1, 3, 5):
        async with Journal.open(tmp_path / "journal.sqlite") as journal:
            await journal.begin_run({})
            assert journal.suspects() == {"flying": suspicion}
            await journal.start(RecordStarted("flying", resumed=True), alone=True)


async def test_kills_that_nobody_explains_ask_for_more_proof(tmp_path: Path) -> None:
    async with Journal.open(tmp_path / "journal.sqlite") as journal:
        journal.begin("r1", "[]", TODAY)
        for _ in range(2):
            await journal.begin_run({})
            await journal.start(RecordStarted("r1", resumed=True))
        for _ in range(3):
            await journal.begin_run({})  # killed before anything was in flight
        assert journal.suspects() == {"r1": 2}
        assert journal.unexplained() == 2
    assert [convicted(5, kills) for kills in (0, 1)] == [True, False]
    assert [convicted(1 + 2 * alone, 50) for alone in (2, 7, 8)] == [False, False, True]
