"""Full-text search with BM25 (SQLite FTS5), at a bounded cost. Knows nothing of vectors, or of what a passage is.

FTS5 scores every passage that holds any term of the query, so that one "the" makes a search among a million passages
take seconds. Where the terms of a query are in more passages than `_MOST_SCORED` together, the terms that most
passages hold are left out of it, as long as a rarer one remains: BM25 gives these the least weight anyway. In an index
where nothing reaches that sum, every search is exact.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from index.storage.table import TOKENIZER

_WORD = re.compile(r"[^\W_]+")
# A query of a megabyte must not become a query of 200,000 terms. This many words are looked at, and then searched for.
_MOST_WORDS = 512
_MOST_TERMS = 64
_MOST_SCORED = 50_000
# Words whose counts are remembered.
_MOST_KNOWN = 20_000


class Lexicon:
    """Searches the `lexicon` table of a connection; one call at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        (last,) = connection.execute("SELECT max(row) FROM passages").fetchone()
        self._count_all = 0 if last is None else int(last) + 1
        self._known: dict[str, int] = {}
        # One byte a row, asked by SQLite, set by NumPy.
        bits = bytearray((last or 0) + 1)
        self._allowed = np.frombuffer(bits, dtype=np.uint8)
        connection.create_function("allowed", 1, bits.__getitem__)
        # A table of one row, to ask the tokenizer what it makes of a word.
        self._stemmer = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._stemmer.executescript(
            f"CREATE VIRTUAL TABLE words USING fts5 (word, content = '', tokenize = '{TOKENIZER}');"
            "CREATE VIRTUAL TABLE stems USING fts5vocab (words, instance);"
        )

    def matching(self, query: str, k: int, allowed: npt.NDArray[np.int64] | None) -> list[tuple[int, float]]:
        """At most k (row, BM25) that share a word with `query`, best first. Any text is a safe query."""
        if k < 1 or (allowed is not None and not len(allowed)):
            return []
        terms, left_out = self._terms(query)
        while terms:
            found = self._scored(terms, k, allowed)
            if found or not left_out:
                return found
            terms = [*terms, left_out.pop(0)]
        return []

    def _scored(self, terms: Sequence[str], k: int, allowed: npt.NDArray[np.int64] | None) -> list[tuple[int, float]]:
        # Quoted, a word is a string to FTS5 and never an operator: NEAR, AND, a column's name.
        match = " OR ".join(f'"{term}"' for term in terms)
        only = "AND allowed(rowid) " if allowed is not None else ""
        if allowed is not None:
            self._allowed[allowed] = 1
        try:
            return self._connection.execute(
                f"SELECT rowid, -bm25(lexicon) FROM lexicon WHERE lexicon MATCH ? {only}ORDER BY 2 DESC, 1 LIMIT ?",
                (match, k),
            ).fetchall()
        finally:
            if allowed is not None:
                self._allowed[allowed] = 0

    def rarity(self, query: str) -> float:
        """The sum of the inverse document frequencies of a query's words, as FTS5's BM25 has them."""
        held = [self._passages(word) for word in self._words(query)]
        return math.fsum(max(1e-6, math.log((self._count_all - count + 0.5) / (count + 0.5))) for count in held)

    def close(self) -> None:
        self._stemmer.close()

    def _terms(self, query: str) -> tuple[list[str], list[str]]:
        """The words to look for, and those left out because too many passages hold them, the rarest first."""
        words = self._words(query)
        passages = {word: self._passages(word) for word in words}
        rarest_first = sorted((word for word in words if passages[word]), key=passages.__getitem__)
        kept: list[str] = []
        scored = 0
        for word in rarest_first:
            scored += passages[word]
            if kept and scored > _MOST_SCORED:
                break
            kept.append(word)
        return kept, rarest_first[len(kept) :]

    def _words(self, query: str) -> list[str]:
        """A query's distinct words; of a very long query those that fewest passages hold."""
        words = list(dict.fromkeys(_WORD.findall(query.lower())))[:_MOST_WORDS]
        if len(words) <= _MOST_TERMS:
            return words
        return sorted((word for word in words if self._passages(word)), key=self._passages)[:_MOST_TERMS]

    def _passages(self, word: str) -> int:
        """In how many passages the word is; asked twice a query, and of common words in every other query."""
        count = self._known.get(word)
        if count is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            count = self._known[word] = self._counted(word)
        return count

    def _counted(self, word: str) -> int:
        self._stemmer.execute("INSERT INTO words (rowid, word) VALUES (1, ?)", (word,))
        stems = self._stemmer.execute("SELECT DISTINCT term FROM stems").fetchall()
        self._stemmer.execute("INSERT INTO words (words) VALUES ('delete-all')")
        # A word of several tokens is a phrase: as rare as its rarest.
        return min((self._count(stem) for (stem,) in stems), default=0)

    def _count(self, stem: str) -> int:
        for table, column in (("common", "passages"), ("vocabulary", "doc")):
            for (count,) in self._connection.execute(f"SELECT {column} FROM {table} WHERE term = ?", (stem,)):
                return int(count)
        return 0
