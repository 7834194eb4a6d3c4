"""The vectors of one index version: exact ones in row order, and where there are many an approximate FAISS structure.

Knows how the nearest rows are found, with and without a filter; knows nothing of texts, nor of how these files are
checked. The approximate structure only proposes candidates: similarities are always those of the exact vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.embedding import Vectors
from index.errors import DamagedIndex

Rows = npt.NDArray[np.int64]

EXACT = "vectors.faiss"
APPROXIMATE = "approximate.faiss"

# Candidates for each of the k asked for: 8-bit codes put few of the true ten further down than this.
_CANDIDATES = 4
_FEWEST_CANDIDATES = 100
# A filter that keeps fewer rows is answered from their vectors alone: exact, and faster than a filtered search.
_FEW = 20_000
# A filtered search that keeps a share s of the rows looks 1/s times as widely, up to this.
_MOST_WIDER = 8
# Two similarities closer than float32 sums of 384 products can tell apart are the same: then the row decides.
_DECIMALS = 6


class VectorFiles:
    """Searches the vectors in a version's folder, memory-mapped. Safe to use from several threads."""

    def __init__(self, folder: Path, kind: str, search: Mapping[str, int], shape: tuple[int, int]) -> None:
        self._kind, self._search = kind, search
        self._exact = _mapped(folder / EXACT)
        self._approximate = None if kind == "flat" else _mapped(folder / APPROXIMATE)
        for part in (self._exact, self._approximate):
            if part is not None and (part.ntotal, part.d) != shape:
                raise DamagedIndex(f"The index is damaged: {folder} holds {part.ntotal} vectors, not {shape[0]}")
        try:
            raw = np.memmap(folder / EXACT, dtype=np.uint8, mode="r")
        except OSError as error:
            raise DamagedIndex(f"The index is damaged: {folder / EXACT} cannot be read ({error.strerror})") from None
        # The file ends with the matrix, after a header whose length is no multiple of four.
        self._matrix: Vectors = np.ndarray(shape, np.float32, raw, offset=len(raw) - 4 * shape[0] * shape[1])

    def __len__(self) -> int:
        return len(self._matrix)

    def at(self, rows: Rows) -> Vectors:
        """A copy of the vectors at these rows."""
        return np.ascontiguousarray(self._matrix[rows])

    def nearest(self, queries: Vectors, k: int, allowed: Rows | None) -> tuple[Rows, Vectors]:
        """See `Index.nearest`."""
        queries = np.ascontiguousarray(queries, dtype=np.float32).reshape(-1, self._matrix.shape[1])
        k = min(k, len(self) if allowed is None else len(allowed))
        if not k or not len(queries):
            empty = np.zeros((len(queries), 0))
            return empty.astype(np.int64), empty.astype(np.float32)
        if allowed is not None and len(allowed) <= _FEW:
            return self._among(queries, k, allowed)
        selector = None if allowed is None else _selector(allowed, len(self))
        if self._approximate is None:
            found = self._exact.search(queries, k, params=_parameters("flat", selector, {}))[1]
        else:
            share = 1.0 if allowed is None else len(allowed) / len(self)
            wider = min(_MOST_WIDER, 1 / share)
            search = {name: min(int(value * wider), self._limit(name)) for name, value in self._search.items()}
            wanted = min(max(_CANDIDATES * k, _FEWEST_CANDIDATES), len(self))
            if "efSearch" in search:
                search["efSearch"] = max(search["efSearch"], wanted)
            found = self._approximate.search(queries, wanted, params=_parameters(self._kind, selector, search))[1]
        rows = np.full((len(queries), k), -1, dtype=np.int64)
        similarities = np.full((len(queries), k), -np.inf, dtype=np.float32)
        for place, candidates in enumerate(found):
            best, similar = self._ranked(queries[place], np.sort(candidates[candidates >= 0]), k)
            rows[place, : len(best)], similarities[place, : len(best)] = best, similar
        return rows, similarities

    def _among(self, queries: Vectors, k: int, allowed: Rows) -> tuple[Rows, Vectors]:
        vectors = self.at(allowed)
        rows = np.empty((len(queries), k), dtype=np.int64)
        similarities = np.empty((len(queries), k), dtype=np.float32)
        for place, query in enumerate(queries):
            rows[place], similarities[place] = _best(allowed, vectors @ query, k)
        return rows, similarities

    def _ranked(self, query: Vectors, candidates: Rows, k: int) -> tuple[Rows, Vectors]:
        return _best(candidates, self._matrix[candidates] @ query, k)

    def _limit(self, name: str) -> int:
        return int(self._approximate.nlist) if name == "nprobe" and self._approximate else len(self)


def _best(rows: Rows, similarities: Vectors, k: int) -> tuple[Rows, Vectors]:
    """The k most similar of `rows`, which ascend, best first; of equal ones the first row."""
    similarities = np.round(similarities, _DECIMALS)
    if len(rows) > 4 * k:  # all that the k-th best does not exceed, so that ties stay in
        least = np.partition(similarities, len(rows) - k)[len(rows) - k]
        keep = similarities >= least
        rows, similarities = rows[keep], similarities[keep]
    order = np.argsort(-similarities, kind="stable")[:k]
    return rows[order], similarities[order]


def faiss() -> Any:
    """The library, loaded at its first use; untyped, because its stubs lack half of it."""
    import faiss as library

    return library


def _mapped(path: Path) -> Any:
    try:
        return faiss().read_index(str(path), faiss().IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        raise DamagedIndex(f"The index is damaged: {path} cannot be read ({_reason(error)})") from None


def _selector(allowed: Rows, total: int) -> Any:
    chosen = np.zeros(total, dtype=bool)
    chosen[allowed] = True
    bits = np.packbits(chosen, bitorder="little")
    selector = faiss().IDSelectorBitmap(bits)
    selector.bits = bits  # FAISS keeps a bare pointer
    return selector


def _parameters(kind: str, selector: Any, search: Mapping[str, int]) -> Any:
    names = {"flat": "SearchParameters", "ivf": "SearchParametersIVF", "hnsw": "SearchParametersHNSW"}
    chosen = {} if selector is None else {"sel": selector}
    return getattr(faiss(), names[kind])(**chosen, **search)


def _reason(error: RuntimeError) -> str:
    return str(error).strip().split("\n")[0].rpartition("Error: ")[2][:200]
