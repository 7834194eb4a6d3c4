"""What stands out in an index: lengths, near-duplicates, documents without passages. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from index.storage.store import Index

# Bounds of a passage's words; the default chunker makes passages of about 100.
_BOUNDS = (10, 25, 50, 75, 100, 150, 200)
_ROWS_AT_ONCE = 2048
# In larger indexes duplicates are looked for among this many passages, evenly spread.
_MOST_EXAMINED = 20_000
_NEIGHBOURS = 6


@dataclass(frozen=True)
class Inspection:
    """`lengths`: range of words → passages. `alike`: pairs of passages' ids and their cosine, the most alike first;
    each of the `examined` passages was compared with all others. `longest`: ids and words. `empty`: paths. `bytes`: of
    the version's files.
    """

    documents: int
    passages: int
    words: int
    median: int
    bytes: int
    lengths: Mapping[str, int]
    longest: Sequence[tuple[str, int]]
    alike: Sequence[tuple[str, str, float]]
    examined: int
    empty: Sequence[str]


def inspect_index(index: Index, alike: float = 0.95, show: int = 5) -> Inspection:
    """Look at every passage's text, and compare vectors. Raises DamagedIndex."""
    counts = np.array(
        [
            len(passage.text.split())
            for start in range(0, len(index), _ROWS_AT_ONCE)
            for passage in index.passages(range(start, min(start + _ROWS_AT_ONCE, len(index))))
        ],
        dtype=np.int64,
    )
    documents = index.documents()
    longest = [int(row) for row in np.argsort(-counts, kind="stable")[:show]]
    pairs, examined = _alike(index, alike)
    return Inspection(
        documents=len(documents),
        passages=len(index),
        words=int(counts.sum()),
        median=int(np.median(counts)) if len(counts) else 0,
        bytes=sum(file.stat().st_size for file in index.path.glob(f"versions/{index.version}/*")),
        lengths=_histogram(counts.tolist()),
        longest=[(passage.id, int(counts[row])) for row, passage in zip(longest, index.passages(longest), strict=True)],
        alike=pairs,
        examined=examined,
        empty=[path for path, (_, first, after) in documents.items() if first == after],
    )


def _histogram(counts: Sequence[int]) -> dict[str, int]:
    edges = [0, *_BOUNDS]
    names = [*(f"{low + 1} to {high}" for low, high in zip(edges, _BOUNDS, strict=False)), f"over {_BOUNDS[-1]}"]
    found = np.bincount(np.searchsorted(_BOUNDS, counts), minlength=len(names))
    return dict(zip(names, found.tolist(), strict=True))


def _alike(index: Index, least: float) -> tuple[list[tuple[str, str, float]], int]:
    rows = np.unique(np.linspace(0, len(index) - 1, min(len(index), _MOST_EXAMINED)).astype(np.int64))
    found: dict[tuple[int, int], float] = {}
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        near, cosines = index.nearest(index.vectors(some), _NEIGHBOURS)
        for row, others, values in zip(some.tolist(), near.tolist(), cosines.tolist(), strict=True):
            for other, cosine in zip(others, values, strict=True):
                if other >= 0 and other != row and cosine >= least:
                    found[min(row, other), max(row, other)] = cosine
    best = sorted(found, key=lambda pair: (-found[pair], pair))
    names = {
        row: passage.id
        for start in range(0, len(best), _ROWS_AT_ONCE)
        for rows_ in [sorted({row for pair in best[start : start + _ROWS_AT_ONCE] for row in pair})]
        for row, passage in zip(rows_, index.passages(rows_), strict=True)
    }
    return [(names[one], names[other], found[one, other]) for one, other in best], len(rows)
