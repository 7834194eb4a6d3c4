"""Rows of a Parquet file, answered under a contract by an engine that answers at once, as Parquet: what
`interlock batch` itself costs, and what a batch that is killed again and again comes to.

Each batch runs in a process of its own, so that its memory can be measured, and so that it can be killed.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from models.engines.engine import Completion, Message
from models.errors import ConstraintBroken
from pipeline import Equipment, Launch, UsageError, read_requests, run_batch
from pipeline.batch.openai_files import OUTPUT, TABLE, write_files
from pipeline.batch.parquet import check_parquet, write_parquet
from pipeline.batch.table_rows import table_rows
from pipeline.workflows.table import Table, app_of
from scripts.batch_run import collect_seldom
from scripts.bench.null_engine import InstantEngine

GROUP = 10_000
POISON = "poison"
TABLE_OF_ROWS = Table("scripts.bench.null_engine:Ticket", prompt="{text}", id="id", keep=("text",))


class Poisonable(InstantEngine):
    """The instant engine, which breaks its grammar wherever a row is poisoned."""

    async def generate(self, *asked: object, **more: object) -> Completion:
        """A ticket, or none."""
        messages: Any = asked[0]
        if POISON in _last(messages):
            raise ConstraintBroken("The engine broke its grammar.", "", "{")
        return await super().generate(*asked, **more)


def _last(messages: Sequence[Message]) -> str:
    return messages[-1].content


def write_rows(path: Path, rows: int, poisoned: float = 0.0) -> None:
    """A Parquet file of so many rows, a share of them poisoned: of those every other one has no id."""
    import pyarrow as pa
    from pyarrow import parquet

    every = round(1 / poisoned) if poisoned else 0
    schema = pa.schema([("id", pa.string()), ("text", pa.string())])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for first in range(0, rows, GROUP):
            numbers = range(first, min(first + GROUP, rows))
            bad = [bool(every) and number % every == 0 for number in numbers]
            ids = [
                None if poison and number % (2 * every) == 0 else f"r{number}"
                for number, poison in zip(numbers, bad, strict=True)
            ]
            texts = [
                f"My washing machine, number {number}, leaks and smells of {POISON if poison else 'burnt rubber'}."
                for number, poison in zip(numbers, bad, strict=True)
            ]
            writer.write_table(pa.table({"id": ids, "text": texts}, schema=schema))


def serve(source: Path, out: Path, concurrency: int) -> dict[str, Any]:
    """What the command does with a Parquet file, here and now: its figures."""
    started = time.perf_counter()
    app = app_of(TABLE_OF_ROWS)
    requests = read_requests([source], app.read, table_rows)
    read = time.perf_counter() - started
    collect_seldom()  # as the command does
    batch = run_batch(app, requests, out, Equipment(Poisonable()), Launch(concurrency=concurrency))
    summary = asyncio.run(batch)
    counts = write_files(out, requests.bad_lines(), TABLE)
    write_parquet(out / OUTPUT, TABLE_OF_ROWS.kind().model_json_schema(mode="serialization"), TABLE_OF_ROWS.keep)
    seconds = time.perf_counter() - started
    return {
        "rows": counts.total,
        "completed": counts.completed,
        "failed": counts.failed,
        "seconds": round(seconds, 2),
        "rows_per_s": round(counts.total / seconds, 1),
        "reading": round(read, 2),
        "serving": summary.seconds,
        "writing": round(seconds - read - summary.seconds, 2),
        "cpu_seconds": round(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]), 2),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),  # Linux counts in KiB
    }


def main() -> None:
    """Run one batch here, and print its figures as JSON: a file, a folder, and how many at once, as arguments."""
    source, out, concurrency = sys.argv[-3:]
    print(json.dumps(serve(Path(source), Path(out), int(concurrency))))


def _started(source: Path, out: Path, concurrency: int) -> subprocess.Popen[str]:
    program = "from scripts.bench.batch_rows import main; main()"
    command = [sys.executable, "-c", program, str(source), str(out), str(concurrency)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)


def measure(rows: int, concurrency: int) -> dict[str, Any]:
    """One batch of so many rows. UsageError where pyarrow is missing, or the batch fails."""
    check_parquet()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "rows.parquet"
        write_rows(source, rows)
        return _ended(_started(source, Path(folder) / "out", concurrency))


def kill(rows: int, poisoned: float, kills: int, concurrency: int, seed: int = 0) -> dict[str, Any]:
    """One batch, killed so many times wherever it happens to be: rows that are lost, and that are there twice."""
    check_parquet()
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "rows.parquet", Path(folder) / "out"
        write_rows(source, rows, poisoned)
        done = 0
        for number in range(kills):
            process = _started(source, out, concurrency)
            wanted = min(done + draw.randint(1, max(2 * (rows - done) // (kills - number + 1), 2)), rows)
            while process.poll() is None and _lines(out / "results.jsonl") < wanted:
                time.sleep(0.01 + rows / 1_000_000)  # counting a large file takes a while, of the batch's own machine
            done = max(done, _lines(out / "results.jsonl"))
            process.kill()
            process.communicate()
        figures = _ended(_started(source, out, concurrency))
        ids = Counter(_ids(out / OUTPUT)) + Counter(_ids(out / "errors.jsonl"))
        refused = ids.pop(None, 0)
        named = [id for id in ids if id is not None]
        return {
            **figures,
            "kills": kills,
            "lost": rows - refused - len(named),
            "doubled": sum(number - 1 for number in ids.values()),
            "refused": refused,
        }


def _ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    told, _ = process.communicate()
    if process.returncode:
        raise UsageError("The batch failed: what it said stands above.")
    figures: dict[str, Any] = json.loads(told)
    return figures


def _lines(path: Path) -> int:
    if not path.is_file():
        return 0
    with path.open("rb") as stream:
        return sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b""))


def _ids(path: Path) -> Iterator[str | None]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["id"]
