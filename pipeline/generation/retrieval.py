"""Retrieval: the app's documents, as one run searches them: each search is a step of the journal.

Knows which query found a passage; leaves how passages are found to the index, and what is made of them to answer.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

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
# Before there was a floor to ask at, a sentence was noted with its cosine alone.
_Sentence = tuple[Passage, str, float] | tuple[Passage, str, float, Literal["close"]] | None
_SENTENCE: TypeAdapter[_Sentence] = TypeAdapter(_Sentence)


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

    async def nearest(self, question: str, passages: Sequence[Passage]) -> tuple[Passage, bool]:
        """The sentence nearest to a question, as a passage of its own that keeps its passage's id, and whether it is
        near enough to answer it; if not, somebody has to be asked.

        Escalation if none may answer it (the index's floor, see docs/retrieval.md).
        """
        retriever = self._opened()

        async def narrow(note: Note) -> _Sentence:
            try:
                found = await in_thread(retriever.best_sentence, question, passages)
            except ValueError:
                return None
            # Decided within the step, so that a record that goes on under another floor keeps to it.
            floor = retriever.floor
            if found[2] >= floor.quoted:
                return found
            note.detail |= {"nearest": found[1], "similarity": round(found[2], 3), "floor": floor.row()}
            return (*found, "close") if found[2] >= floor.asked else None

        best: _Sentence = await self._execution.step("narrow", [question, [p.id for p in passages]], narrow, _SENTENCE)
        if best is None:
            raise nothing_found(question)
        passage, sentence, *_ = best
        return dataclasses.replace(passage, text=sentence), len(best) == 3

    @property
    def has_documents(self) -> bool:
        """Whether there is anything to look up in, and with it an encoder that tells what is near to what."""
        return self._retriever is not None

    def _opened(self) -> Retriever:
        if self._retriever is None:
            raise UsageError("This app has no knowledge to search: give its App a `knowledge` folder.")
        return self._retriever


def nothing_found(question: str) -> Escalation:
    """A question that no passage answers."""
    return Escalation("human", f'No passage was found that could answer "{short(question)}".')
