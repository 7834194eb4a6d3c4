"""The fusion's two constants fitted to an index: by judged questions, or by questions made of the index itself.

Each question is searched once; every pair of constants is then tried on what was found. Which pair is the best is
decided on one half of the questions and proved on the other, both ways round: constants that do not hold there are not
worth having.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from index.errors import JudgementsError
from index.evaluation.judgements import Question
from index.evaluation.metrics import ndcg
from index.retrieval.fusion import WEIGHT, Fusion, fused
from index.retriever import Found, Retriever
from index.sentences import split_sentences

WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.3, 1.7, 2.5, 4.0)
"""Times the index's present weight of words that are tried, and STEPS added to its present `sure`."""
STEPS = (-0.3, -0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2)
FEWEST = 20
"""Questions to fit on; of fewer anything may come out."""
SURELY = 2.0
"""Standard errors by which the gain on the other questions must exceed none."""
_KEPT = 3
"""Of a cloze question's sentence one word in so many is left out."""


@dataclass(frozen=True)
class Tuned:
    """`before` and `after`: mean nDCG@10 of the present constants and of those found, over questions that had no part
    in finding them; `fusion` is found on all, and is the present one where `after` is not surely better.
    """

    fusion: Fusion
    before: float
    after: float
    questions: int


def tune(
    retriever: Retriever,
    questions: Sequence[Question],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Tuned:
    """Raises JudgementsError with fewer than FEWEST questions."""
    if len(questions) < FEWEST:
        raise JudgementsError(
            f"There are {len(questions)} questions, and constants need {FEWEST} to be fitted to",
            "give more of your own, with --queries and --qrels",
        )
    owners = _owners(retriever)
    present = retriever.fusion
    tried = [present, Fusion()] + [
        Fusion((present.weight or WEIGHT) * times, max(0.0, present.sure + step)) for times in WEIGHTS for step in STEPS
    ]
    gains = np.zeros((len(questions), len(tried)))
    for number, question in enumerate(questions):
        found = retriever.found(question.text)
        for column, fusion in enumerate(tried):
            gains[number, column] = ndcg(_documents(found, fusion, owners), question.grades, 10)
        progress(number + 1, len(questions))
    order = np.random.default_rng(0).permutation(len(questions))
    halves = order[::2], order[1::2]
    proved = np.zeros(len(questions))
    for half, other in (halves, halves[::-1]):
        proved[other] = gains[other, _best(gains[half])]
    gained = proved - gains[:, 0]
    surely = gained.mean() > SURELY * gained.std(ddof=1) / np.sqrt(len(gained))
    best = tried[_best(gains)] if surely else present
    return Tuned(best, float(gains[:, 0].mean()), float(proved.mean()), len(questions))


def own_questions(retriever: Retriever, n: int = 200, seed: int = 0) -> list[Question]:
    """Questions that an index answers by itself: headings, and sentences with a third of their words left out (cloze).

    What is to be found is the document that they stand in. They share words with it, as questions of people who know
    the documents do; judged questions of your own tell more.
    """
    index, chance = retriever.index, random.Random(seed)
    rows = sorted(chance.sample(range(len(index)), min(2 * n, len(index))))
    questions: list[Question] = []
    for passage in index.passages(rows):
        heading = passage.heading.rpartition(" > ")[2]
        sentences = [one for one in split_sentences(passage.text) if len(one.split()) >= 2 * _KEPT]
        if len(heading.split()) > 1 and chance.random() < 0.5:
            text = heading
        elif sentences:
            words = chance.choice(sentences).split()
            gone = set(chance.sample(range(len(words)), len(words) // _KEPT))
            text = " ".join(word for place, word in enumerate(words) if place not in gone)
        else:
            continue
        questions.append(Question(passage.id, text, {passage.document: 1.0}))
    return questions[:n]


def _owners(retriever: Retriever) -> tuple[list[str], list[int]]:
    """The documents in the order of their rows, and the row at which each begins."""
    documents = retriever.index.documents()
    starts = [first for _, first, _ in documents.values()]
    assert all(one <= other for one, other in pairwise(starts))
    return list(documents), starts


def _documents(found: Found, fusion: Fusion, owners: tuple[list[str], list[int]]) -> list[str]:
    """At most ten documents, best first, by the best passage of each."""
    names, starts = owners
    weight = fusion.lexical_weight(found.rarity, found.best)
    scores = fused(found.similarities, found.lexical, weight, found.complete)
    ranking: dict[str, None] = {}
    for row in sorted(scores, key=lambda row: (-scores[row], -found.similarities[row], row)):
        ranking[names[int(np.searchsorted(starts, row, side="right")) - 1]] = None
        if len(ranking) == 10:
            break
    return list(ranking)


def _best(gains: npt.NDArray[np.float64]) -> int:
    return int(np.argmax(gains.mean(axis=0)))  # of equals the first: the present one
