"""Retrieval: the app's documents, as one run searches them: each search is a step of the journal.

Knows which query found a passage; leaves how passages are found to the index, and what is made of them to answer.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from index.documents import Passage
from models.background import in_thread
from pipeline.durable.execution import Execution
from pipeline.durable.history import History
from pipeline.durable.note import Note
from pipeline.errors import UsageError
from pipeline.journal.rows import RETRIEVE
from pipeline.outcome import Escalation
from pipeline.record import Turn
from pipeline.text import short

if TYPE_CHECKING:
    from index.retriever import Retriever

_PASSAGES: TypeAdapter[list[Passage]] = TypeAdapter(list[Passage])
_SENTENCE: TypeAdapter[tuple[Passage, str, float] | None] = TypeAdapter(tuple[Passage, str, float] | None)


RELEVANT = 0.40
"""Least similarity (cosine) of a sentence to a question that it may answer, where the encoder alone decides.

Settled on the travel app's policy examples, of which 89 % find such a sentence (most of the others have no answer in
its documents), and on 250 utterances of CLINC150 about other matters, of which 92 % find none.
"""


@dataclass(frozen=True)
class Query:
    """What found a passage."""

    passage: str
    query: str
    k: int
    where: str | None
    least: float | None


class Retrieval:
    """What one run can look up. Without a retriever every look-up is a UsageError. `queries`: what was looked up;
    `said`: the conversation, whose last names a question is about that names nothing.
    """

    def __init__(
        self,
        execution: Execution,
        retriever: Retriever | None,
        queries: History[Query],
        said: History[Turn],
    ) -> None:
        self._said = said
        self._execution = execution
        self._retriever = retriever
        self._queries = queries

    async def retrieve(self, query: str, k: int, where: str | None, least: float | None) -> list[Passage]:
        """The at most k passages that fit a query best, as `Run.retrieve`."""
        retriever = self._opened()
        # No argument of the step: what was said is the record's own, and is the same whenever it is gone through again.
        turns = [turn.text for turn in self._said.seen()]

        async def search(note: Note) -> list[Passage]:
            hits = await in_thread(retriever.search, query, k, where=where, least=least, turns=turns)
            note.detail |= {"index": retriever.index.version, "passages": [hit.passage.id for hit in hits], **limits}
            if hits.about:
                note.detail["about"] = list(hits.about)
            if hits.nothing:
                note.detail["nothing"] = str(hits.nothing)
            return [hit.passage for hit in hits]

        limits: dict[str, object] = {"where": where, "least": least}
        limits = {name: value for name, value in limits.items() if value is not None}
        arguments = [query, k, *([limits] if limits else [])]
        passages: list[Passage] = await self._execution.step(RETRIEVE, arguments, search, _PASSAGES)
        self._queries.add(*(Query(passage.id, query, k, where, least) for passage in passages))
        return passages

    def wider(self, passage: Passage) -> Callable[[], Awaitable[list[Passage]]] | None:
        """What repeats the query that found a passage, for twice as many; None if the passage was not looked up."""
        found = {query.passage: query for query in self._queries}.get(passage.id)
        return None if found is None else lambda: self.retrieve(found.query, 2 * found.k, found.where, found.least)

    async def nearest(self, question: str, passages: Sequence[Passage]) -> Passage:
        """The sentence nearest to a question, as a passage of its own that keeps its passage's id.

        Escalation if none is near enough to answer it.
        """
        retriever = self._opened()

        async def narrow(note: Note) -> tuple[Passage, str, float] | None:
            try:
                return await in_thread(retriever.best_sentence, question, passages)
            except ValueError:
                return None

        best: tuple[Passage, str, float] | None = await self._execution.step(
            "narrow", [question, [p.id for p in passages]], narrow, _SENTENCE
        )
        if best is None or best[2] < RELEVANT:
            raise nothing_found(question)
        passage, sentence, _ = best
        return dataclasses.replace(passage, text=sentence)

    def _opened(self) -> Retriever:
        if self._retriever is None:
            raise UsageError("This app has no knowledge to search: give its App a `knowledge` folder.")
        return self._retriever


def nothing_found(question: str) -> Escalation:
    """A question that no passage answers."""
    return Escalation("human", f'No passage was found that could answer "{short(question)}".')
