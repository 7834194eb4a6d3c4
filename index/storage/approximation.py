"""Chooses, trains and measures the approximate structure of an index with many vectors. Knows FAISS; nothing of texts.

Above 50,000 vectors an inverted file over 8-bit codes: it trains in a minute for a million vectors, answers in a few
milliseconds from a quarter of the memory, and takes filters. A graph (HNSW) is there for the asking: its build takes
many times as long, and on several threads no two are quite the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from index.embedding import Vectors
from index.storage.vectors import APPROXIMATE, EXACT, VectorFiles, faiss

Kind = Literal["auto", "flat", "ivf", "hnsw"]
KINDS = get_args(Kind)

# An exact search of so many vectors of 384 numbers takes some 4 ms on one core.
MOST_FLAT = 50_000
# Twice √n lists of √n / 2 vectors: training and adding take time in proportion to their number, and a search of a few
# dozen lists of that length is a matter of milliseconds. FAISS asks for at least 39 training points a list.
_LISTS_A_ROOT = 2
_TRAINING_A_LIST = 48
_HNSW_LINKS = 32
_HNSW_CONSTRUCTION = 80
# Recall@10 that a search must have on the sampled queries. These lie among the passages, a user's less so: of real
# questions, a search found 97 % that found 99 % of the sampled ones.
_RECALL = 0.99
_QUERIES = 256
_FIRST_WIDTH = {"nprobe": 8, "efSearch": 32}
_SEED = 2026


@dataclass(frozen=True)
class Measured:
    """The kind that was built, how widely it searches, and what it found of the exact nearest ten."""

    kind: str
    search: dict[str, int]
    recall: dict[str, Any]


def chosen_kind(kind: Kind, vectors: int) -> str:
    """What "auto" means for so many vectors."""
    return kind if kind != "auto" else "flat" if vectors <= MOST_FLAT else "ivf"


def write_vectors(folder: Path, exact: Any, kind: str) -> Measured:
    """Write the files of these vectors (a FAISS flat index) into a version's folder. OSError when the disk is full."""
    _write(folder / EXACT, exact)
    if kind == "flat":
        return Measured("flat", {}, {})
    count = exact.ntotal
    matrix: Vectors = faiss().rev_swig_ptr(exact.get_xb(), count * exact.d).reshape(count, exact.d)
    generator = np.random.default_rng(_SEED)
    if kind == "ivf":
        lists = max(1, min(_LISTS_A_ROOT * int(np.sqrt(count)), count // 40))
        built = faiss().index_factory(exact.d, f"IVF{lists},SQ8", faiss().METRIC_INNER_PRODUCT)
        built.cp.max_points_per_centroid = _TRAINING_A_LIST
        built.cp.min_points_per_centroid = 1
        built.cp.seed = _SEED
        sample = np.sort(generator.choice(count, min(count, lists * _TRAINING_A_LIST), replace=False))
        built.train(matrix[sample])
        widest = "nprobe", lists
    else:
        built = faiss().IndexHNSWSQ(exact.d, faiss().ScalarQuantizer.QT_8bit, _HNSW_LINKS, faiss().METRIC_INNER_PRODUCT)
        built.hnsw.efConstruction = _HNSW_CONSTRUCTION
        built.train(matrix[: min(count, 100_000)])
        widest = "efSearch", count
    for start in range(0, count, 65536):
        built.add(matrix[start : start + 65536])
    _write(folder / APPROXIMATE, built)
    return _measured(folder, kind, widest, matrix, exact, generator)


def _measured(
    folder: Path, kind: str, widest: tuple[str, int], matrix: Vectors, exact: Any, generator: np.random.Generator
) -> Measured:
    """Widen the search until it finds enough. Half of the queries are passages, half lie between two of them."""
    count = len(matrix)
    width, limit = widest
    first, second = generator.choice(count, (2, _QUERIES))
    queries = matrix[first].copy()
    queries[::2] = 0.6 * queries[::2] + 0.4 * matrix[second][::2]
    queries /= np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), 1e-12)
    k = min(10, count)
    truth = exact.search(queries, k)[1]
    value, recall = min(_FIRST_WIDTH[width], limit), 0.0
    while True:
        found = VectorFiles(folder, kind, {width: value}, matrix.shape).nearest(queries, k, None)[0]
        hits = sum(len(np.intersect1d(one, two)) for one, two in zip(found, truth, strict=True))
        recall = hits / truth.size
        if recall >= _RECALL or value >= limit:
            break
        value = min(2 * value, limit)
    return Measured(kind, {width: value}, {"recall@10": round(recall, 4), "queries": _QUERIES})


def _write(path: Path, index: Any) -> None:
    try:
        faiss().write_index(index, str(path))
    except RuntimeError as error:
        # FAISS says it in C++: what went wrong is in errno's words at the end of its message.
        raise OSError(None, str(error).strip().split("\n")[0].rpartition(": ")[2][:120], str(path)) from None
