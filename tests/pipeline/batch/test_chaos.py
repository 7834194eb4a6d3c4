"""Whatever is killed, and whenever: every record ends once, everything is sold once, and the results are the same."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from pipeline_world import lines, write_requests
from soak import repeats, soak

ITEMS = ("lamp", "vase", "rug")
APPS = Path(__file__).parents[1] / "apps"


def mortal(source: Path, out: Path, *how: object, app: str = "shop") -> str:
    command = [sys.executable, APPS / "mortal.py", APPS / f"{app}.py", source, out, *how]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(list(map(str, command)), env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def sales(out: Path) -> Counter[str]:
    with closing(sqlite3.connect(out / "shop.sqlite")) as database:
        return Counter(item for (item,) in database.execute("SELECT item FROM sales"))


def results(out: Path) -> dict[str, dict[str, Any]]:
    """The rows by id, but for their times."""
    rows = lines(out / "results.jsonl")
    for row in rows:
        del row["receipt"]["seconds"]
    assert len({row["custom_id"] for row in rows}) == len(rows)
    return {row["custom_id"]: row for row in rows}


@soak
def test_kills_change_nothing(tmp_path: Path) -> None:
    records, kills = repeats(400, 1000), repeats(10, 50)
    endings = {1: "broken", 2: "last", 3: "timeout", 4: "human", 5: "which", 6: "crash"}
    texts = {f"r{n}": f"item {endings.get(n % 40, n)}" for n in range(records)}
    source = write_requests(tmp_path / "in.jsonl", texts)
    assert mortal(source, tmp_path / "calm", "restart") == "1\n"
    assert mortal(source, tmp_path / "wild", "moments", 11, kills) == f"{kills}\n"
    calm, wild = results(tmp_path / "calm"), results(tmp_path / "wild")
    assert len(calm) == records
    assert set(Counter(row["status"] for row in calm.values())) == {"completed", "needs_input", "escalated", "failed"}
    assert wild == calm
    assert sales(tmp_path / "wild") == sales(tmp_path / "calm")
    assert max(count for item, count in sales(tmp_path / "wild").items() if item.isdigit()) == 1


@soak
def test_a_kill_after_any_commit_changes_nothing(tmp_path: Path) -> None:
    records = repeats(2, 8)
    endings = {"a": "last", "b": "timeout", "c": "which", "d": "human"}
    source = write_requests(
        tmp_path / "in.jsonl",
        {f"r{n}": f"item {n}" for n in range(records)} | {id: f"an {end}" for id, end in endings.items()},
    )
    boundaries = int(mortal(source, tmp_path / "out", "commits"))
    assert boundaries > repeats(30, 100)
    calm = results(tmp_path / "out" / str(boundaries))  # the last process was to be killed after a commit too many
    sold = Counter({str(n): 1 for n in range(records)} | {"timeout": 1})
    for boundary in range(1, boundaries + 1):
        assert results(tmp_path / "out" / str(boundary)) == calm, boundary
        assert sales(tmp_path / "out" / str(boundary)) == sold, boundary


def told(out: Path) -> Counter[tuple[str, str]]:
    with closing(sqlite3.connect(out / "journal.sqlite")) as database:
        rows = database.execute("SELECT record, body FROM events WHERE json_extract(body, '$.event') = 'Said'")
        return Counter((record, json.loads(body)["text"]) for record, body in rows)


def test_calls_side_by_side_that_ask_wait_and_act_survive_a_kill_after_any_commit(tmp_path: Path) -> None:
    source = write_requests(tmp_path / "in.jsonl", {"a": "a parcel, after 12 5 0 ms"})
    boundaries = int(mortal(source, tmp_path / "out", "commits", "answering", app="parcels"))
    assert boundaries > 50
    calm = results(tmp_path / "out" / str(boundaries))
    assert calm["a"]["status"] == "completed"
    heard = calm["a"]["message"].split(" / ")[7:]
    papers, forms = [f"Paper for the {item}?" for item in ("lamp", "vase")], [f"Form for the {i}?" for i in ITEMS]
    assert heard[1::2] == [*papers, *forms, "Paper for the lamp?"]  # by their places, not by who came first
    updates = told(tmp_path / "out" / str(boundaries))
    assert updates["a", "Paper for the lamp?…"] == 2
    for boundary in range(1, boundaries):
        out = tmp_path / "out" / str(boundary)
        assert results(out) == calm, boundary
        assert sales(out) == {"box": 4, "cover": 3}, boundary
        assert told(out) == updates, boundary


def test_a_full_disk_is_one_sentence_and_costs_nothing(tmp_path: Path) -> None:
    source = write_requests(tmp_path / "in.jsonl", {f"r{n}": f"item {n}" for n in range(200)})
    said = mortal(source, tmp_path / "out", "full", 300_000)
    assert "cannot be written" in said
    assert said.endswith("free space or check the disk, then run again.\n")
    assert said.count("\n") == 1
    assert {row["status"] for row in results(tmp_path / "out").values()} == {"completed"}
    assert sales(tmp_path / "out") == Counter({str(n): 1 for n in range(200)})
