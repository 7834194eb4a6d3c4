"""One setting of a search measured over judged queries. A document counts as found when one of its passages is.

Knows how passages become a ranking of documents: by the best passage of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from index.evaluation.judgements import Question
from index.evaluation.metrics import DEEPEST, MEASURES, measures
from index.evaluation.setting import Setting
from index.retrieval.hits import Hits
from index.retriever import Retriever

# Passages asked for; again with more for a query whose passages are of too few documents.
_PASSAGES = (100, 1000)
_QUERIES_AT_ONCE = 64


@dataclass(frozen=True)
class Evaluation:
    """`values`: measure → one value a question, in their order. `similarities`: for each question whose right document
    is among the first five, the cosine of that document's best passage. `nothing`: questions that found no passage.
    """

    setting: Setting
    values: dict[str, list[float]]
    similarities: Sequence[float]
    nothing: int

    @property
    def means(self) -> dict[str, float]:
        """Measure → mean over the questions."""
        return {name: float(np.mean(values)) for name, values in self.values.items()}

    def least(self, kept: float) -> float | None:
        """The `least` for a search that keeps this share of the right documents; None where none was found."""
        return float(np.quantile(self.similarities, 1 - kept)) if self.similarities else None


def evaluate(
    retriever: Retriever,
    questions: Sequence[Question],
    setting: Setting,
    progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    queries_are_documents: bool = False,
) -> Evaluation:
    """Search for every question with this setting. `progress(done, total)` counts questions. Raises EncoderError.

    `queries_are_documents`: a document with a question's `_id` is that question, and no answer to it.
    """
    values: dict[str, list[float]] = {name: [] for name in MEASURES}
    similarities: list[float] = []
    nothing = 0
    for start in range(0, len(questions), _QUERIES_AT_ONCE):
        some = questions[start : start + _QUERIES_AT_ONCE]
        for question, hits in zip(some, _search(retriever, some, setting), strict=True):
            documents = {hit.passage.document: hit.similarity for hit in reversed(hits)}
            ranking = list(dict.fromkeys(hit.passage.document for hit in hits))
            if queries_are_documents and question.id in ranking:
                ranking.remove(question.id)
            for name, value in measures(ranking, question.grades).items():
                values[name].append(value)
            right = [documents[name] for name in ranking[:5] if question.grades.get(name, 0) > 0]
            similarities += right[:1]
            nothing += not hits
        progress(start + len(some), len(questions))
    return Evaluation(setting, values, similarities, nothing)


def _search(retriever: Retriever, questions: Sequence[Question], setting: Setting) -> list[Hits]:
    few, more = _PASSAGES
    found = _found(retriever, questions, few, setting)
    short = [
        place
        for place, hits in enumerate(found)
        if len(hits) == few and len({hit.passage.document for hit in hits}) < DEEPEST
    ]
    again = _found(retriever, [questions[place] for place in short], more, setting) if short else []
    for place, hits in zip(short, again, strict=True):
        found[place] = hits
    return found


def _found(retriever: Retriever, questions: Sequence[Question], k: int, setting: Setting) -> list[Hits]:
    """All at once; those of conversations one by one, since each is held to what it is about."""
    alone = [one for one in questions if not setting.said(one.turns)]
    found = iter(retriever.search_many([one.text for one in alone], k, **setting.options))
    return [
        retriever.search(one.text, k, turns=said, **setting.options)
        if (said := setting.said(one.turns))
        else next(found)
        for one in questions
    ]
