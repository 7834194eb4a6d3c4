"""Shards on a local Ray: a worker is killed, and in the end everything happened once."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from pipeline_world import TODAY, lines, write_requests
from processes import started, survivors

from models.engines.watchdog import descendants
from pipeline import App, read_requests, run_batch

pytest.importorskip("ray")

SPREAD = Path(__file__).parents[1] / "apps" / "spread.py"
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
COUNT = 400
ODD = {"odd1": "get me a human", "odd2": "I do not know which", "odd3": "make it crash", "odd4": "one timeout"}


@contextmanager
def spread(source: Path, out: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(SPREAD), str(source), str(out), "4"]
    pipe = subprocess.PIPE
    with started(command, env=ENVIRONMENT, stdout=pipe, stderr=pipe, text=True) as process:
        yield process


def finished(shard: Path) -> int:
    results = shard / "results.jsonl"
    return results.read_bytes().count(b"\n") if results.exists() else 0


def half_done(process: subprocess.Popen[str], out: Path) -> tuple[Path, int]:
    """Waits for a shard of which some is done and much is left: the shard, and the worker that serves it."""
    while process.poll() is None:
        for shard in out.glob("shards/*"):
            if COUNT // 40 <= finished(shard) < COUNT // 8:
                for pid in descendants(process.pid):
                    if (shard / "journal.sqlite") in _open_files(pid):
                        return shard, pid
        time.sleep(0.005)
    raise AssertionError(f"The run ended before anything could be killed: {process.communicate()}")


def _open_files(pid: int) -> list[Path]:
    found = []
    with suppress(OSError):  # the process is gone
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found.append(link.readlink())
    return found


def endings(out: Path) -> dict[str, object]:
    """Each record's status and what was said; times and receipts may differ."""
    told = ("status", "intent", "message", "question", "escalation", "error")
    return {row["custom_id"]: [row[name] for name in told] for row in lines(out / "results.jsonl")}


def sales(out: Path) -> Counter[str]:
    with closing(sqlite3.connect(out / "shop.sqlite")) as database:
        return Counter(item for (item,) in database.execute("SELECT item FROM sales"))


def runs(journal: Path) -> int:
    with closing(sqlite3.connect(journal)) as database:
        return int(database.execute("SELECT count(*) FROM runs").fetchone()[0])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_requests(tmp_path / "in.jsonl", {**{f"r{n}": f"item {n}" for n in range(COUNT)}, **ODD})


async def test_a_killed_worker_changes_nothing(shop: App, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with spread(source, out) as process:
        shard, worker = half_done(process, out)
        everyone = descendants(process.pid)
        os.kill(worker, signal.SIGKILL)
        stdout, stderr = process.communicate()
    assert process.returncode == 0, stderr
    assert int(stdout) == COUNT + len(ODD)
    assert survivors(everyone, 20) == []

    await run_batch(shop, read_requests(source), tmp_path / "alone", today=TODAY)
    assert endings(out) == endings(tmp_path / "alone")
    assert sales(out) == sales(tmp_path / "alone")
    for name in ("questions.jsonl", "escalations.jsonl"):
        assert sorted(row["custom_id"] for row in lines(out / name)) == sorted(
            row["custom_id"] for row in lines(tmp_path / "alone" / name)
        )
    again = [path.parent for path in out.glob("shards/*/journal.sqlite") if runs(path) > 1]
    assert again == [shard]
