"""What searches of an index cost: seconds to open it, recall, latencies, memory. In a process of its own, so that the
memory is that of a reader.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from index import Embedder, Index, Retriever, Where
from index.embedding import Vectors

K = 10
_EXACT_AT_ONCE = 50_000
_STATUS = re.compile(r"^(RssAnon|RssFile):\s+(\d+) kB$", re.MULTILINE)


class KnownQueries:
    """Stands where an encoder does: hands out the vectors of queries that were encoded before."""

    name = "known queries"

    def __init__(self, fingerprint: str, queries: Sequence[str], vectors: Vectors) -> None:
        self.fingerprint = fingerprint
        self._vectors = dict(zip(queries, vectors, strict=True))

    def encode_queries(self, queries: Sequence[str]) -> Vectors:
        """One unit vector a query."""
        return np.stack([self._vectors[query] for query in queries])


def measure(index: Path, queries: Path, filters: Sequence[str]) -> dict[str, Any]:
    """The figures of one index. `queries`: an .npz of texts and vectors; `filters`: conditions, used in turn."""
    program = "import sys; from scripts.bench.searching import main; main(*sys.argv[1:])"
    command = [sys.executable, "-c", program, str(index), str(queries), json.dumps(list(filters))]
    told = subprocess.run(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(told.stdout)
    return figures


def main(path: str, asked: str, conditions: str) -> None:
    """Measure here, and print the figures as JSON."""
    with np.load(asked) as stored:
        queries, vectors = [str(query) for query in stored["queries"]], stored["vectors"]
    filters = [Where(condition) for condition in json.loads(conditions)]
    started = time.perf_counter()
    with Index.open(Path(path)) as index:
        opened = time.perf_counter() - started
        embedder = cast(Embedder, KnownQueries(index.manifest.fingerprint, queries, vectors))
        retriever = Retriever(index, embedder)

        def dense(number: int) -> None:
            index.passages(index.nearest(vectors[number : number + 1], K)[0][0])

        def hybrid(number: int) -> None:
            retriever.search(queries[number], K)

        def filtered(number: int) -> None:
            retriever.search(queries[number], K, where=filters[number % len(filters)])

        searches = {"dense": dense, "hybrid": hybrid, "filtered": filtered}
        times = {name: _timed(search, len(queries)) for name, search in searches.items()}
        memory = _memory()  # before the exact search, which reads every vector
        found = [index.nearest(vector, K)[0][0] for vector in vectors[:, None]]
        allowed = [index.rows_where(condition) for condition in filters]
        share = float(np.mean([len(rows) for rows in allowed])) / len(index)
        truth = _exact(index, vectors)
        figures = {
            "opened_s": round(opened, 3),
            "recall@10": round(
                float(np.mean([len(np.intersect1d(*pair)) for pair in zip(found, truth, strict=True)])) / K, 4
            ),
            **{f"{name}_{q}_ms": ms for name, of in times.items() for q, ms in of.items()},
            "filter_keeps": round(share, 4),
            "anonymous_mib": memory["RssAnon"],
            "mapped_mib": memory["RssFile"],
        }
    print(json.dumps(figures))


def _timed(search: Callable[[int], None], count: int) -> dict[str, float]:
    """Milliseconds of `count` different searches, one at a time, after some that are not counted."""
    for number in range(0, count, max(1, count // 20)):
        search(number)
    times = np.empty(count)
    for number in range(count):
        started = time.perf_counter()
        search(number)
        times[number] = 1000 * (time.perf_counter() - started)
    return {"p50": round(float(np.median(times)), 2), "p99": round(float(np.quantile(times, 0.99)), 2)}


def _exact(index: Index, vectors: Vectors) -> list[Any]:
    """The rows of the K most similar of all vectors, by comparing every one."""
    best = np.zeros((len(vectors), 0), dtype=np.float32)
    rows = np.zeros((len(vectors), 0), dtype=np.int64)
    for start in range(0, len(index), _EXACT_AT_ONCE):
        some = np.arange(start, min(start + _EXACT_AT_ONCE, len(index)))
        best = np.hstack([best, vectors @ index.vectors(some).T])
        rows = np.hstack([rows, np.broadcast_to(some, (len(vectors), len(some)))])
        top = np.argpartition(-best, min(K, best.shape[1]) - 1, axis=1)[:, :K]
        best, rows = np.take_along_axis(best, top, 1), np.take_along_axis(rows, top, 1)
    return list(rows)


def _memory() -> dict[str, int]:
    """MiB of this process: of its own, and of files mapped into it, which the system takes back when it needs them."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return {name: int(kib) // 1024 for name, kib in _STATUS.findall(status)}
