"""The floor under answers: how near a sentence has to be to a question to be quoted, or asked about.

Reads questions of which a person said what answers them, or that nothing does, and looks up the sentence that would be
quoted for each. To ask whether it answers costs 1; to quote a wrong one, and to refuse a right one, cost `wrong`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.errors import JudgementsError
from index.evaluation.judgements import lines
from index.evaluation.tuning import FEWEST, SURELY
from index.retrieval.fusion import Floor
from index.retriever import Retriever

# Cosines that are tried: all pairs of them, for each question.
_MOST = 60
WRONG = 2.5
"""As a wrong intent at the gate, where nothing else is said."""


@dataclass(frozen=True)
class Asked:
    """`answer`: a stretch of the sentence that answers; None where no document does."""

    text: str
    answer: str | None


@dataclass(frozen=True)
class Nearest:
    """What would be quoted for a question: its cosine, whether it answers, and whether any sentence does."""

    cosine: float
    right: bool
    answerable: bool


@dataclass(frozen=True)
class Answers:
    """What becomes of questions at one floor, as shares. `right`: of those whose nearest sentence answers; `wrong`: of
    those that have an answer, and another sentence is nearest; `none`: of those that no document answers. Each of them
    quoted, and asked about; the others are refused.
    """

    right_quoted: float
    right_asked: float
    wrong_quoted: float
    wrong_asked: float
    none_quoted: float
    none_asked: float


@dataclass(frozen=True)
class Fitted:
    """`before`: at the present floor; `after`: at floors found on the other half of the questions. `floor` is found on
    all, and is the present one where what it costs is not surely less.
    """

    floor: Floor
    before: Answers
    after: Answers
    questions: int
    unanswerable: int


def read_answers(file: Path) -> list[Asked]:
    """JSON lines with `text` and `answer`, a text or null. Raises JudgementsError, which names the line."""
    asked: list[Asked] = []
    for number, line in lines(file):
        try:
            row = json.loads(line)
            text, answer = row["text"], row["answer"]
        except (ValueError, KeyError, TypeError, RecursionError):
            text, answer = None, None
        known = answer is None or (isinstance(answer, str) and answer.strip())
        if not isinstance(text, str) or not text.strip() or not known:
            raise JudgementsError(
                f"Line {number} of {file} needs `text`, and `answer`", "write there what answers it, or null"
            )
        asked.append(Asked(text, answer))
    return asked


def look_up(
    retriever: Retriever,
    asked: Sequence[Asked],
    progress: Callable[[int, int], None] = lambda done, total: None,
    k: int = 4,
) -> list[Nearest]:
    """For each question the nearest sentence of the k passages found, as a workflow has it."""
    found: list[Nearest] = []
    for number, one in enumerate(asked, start=1):
        hits = retriever.search(one.text, k)
        try:
            _, sentence, cosine = retriever.best_sentence(one.text, [hit.passage for hit in hits])
            right = one.answer is not None and " ".join(one.answer.split()) in " ".join(sentence.split())
            found.append(Nearest(cosine, right, one.answer is not None))
        except ValueError:  # no passage, or none with a sentence
            found.append(Nearest(-1.0, False, one.answer is not None))
        progress(number, len(asked))
    return found


def fit_floor(nearest: Sequence[Nearest], present: Floor, wrong: float = WRONG) -> Fitted:
    """Raises JudgementsError with too few questions of either kind to tell."""
    answerable = np.array([one.answerable for one in nearest], dtype=bool)
    for kind, count in (("have an answer", int(answerable.sum())), ("have none", int((~answerable).sum()))):
        if count < FEWEST:
            raise JudgementsError(
                f"{count} of the questions {kind}, and a floor needs {FEWEST} of each kind to be fitted to",
                'write more, {"text": …, "answer": …} a line, with null where no document answers',
            )
    cosines = np.array([one.cosine for one in nearest])
    right = np.array([one.right for one in nearest], dtype=bool)
    tried = [present, *_floors(cosines)]
    asked = cosines[:, None] >= np.array([one.asked for one in tried])
    quoted = cosines[:, None] >= np.array([one.quoted for one in tried])
    costs = np.where(quoted, wrong * ~right[:, None], np.where(asked, 1.0, wrong * right[:, None]))
    chance = np.random.default_rng(0).permutation(len(nearest))
    proved = np.zeros(len(nearest), dtype=np.int64)
    for half, other in ((chance[::2], chance[1::2]), (chance[1::2], chance[::2])):
        proved[other] = _cheapest(costs[half])
    rows = np.arange(len(nearest))
    saved = costs[:, 0] - costs[rows, proved]
    surely = saved.mean() > SURELY * saved.std(ddof=1) / np.sqrt(len(saved))
    kinds = {"right": right, "wrong": answerable & ~right, "none": ~answerable}
    return Fitted(
        tried[_cheapest(costs)] if surely else present,
        _answers(asked[:, 0], quoted[:, 0], kinds),
        _answers(asked[rows, proved], quoted[rows, proved], kinds),
        len(nearest),
        int((~answerable).sum()),
    )


def _floors(cosines: npt.NDArray[np.float64]) -> list[Floor]:
    """What is worth trying: between the cosines that there are, at most _MOST apart."""
    order = np.unique(cosines)
    between = np.array([*((order[1:] + order[:-1]) / 2), order[-1] + 0.001])
    if len(between) > _MOST:
        between = np.quantile(between, np.linspace(0, 1, _MOST))
    steps = [round(float(one), 3) for one in between]
    return [Floor(quoted, asked) for place, quoted in enumerate(steps) for asked in steps[: place + 1]]


def _cheapest(costs: npt.NDArray[np.float64]) -> int:
    """Of floors that cost the same the middle one, which holds best elsewhere."""
    total = costs.sum(axis=0)
    best = np.flatnonzero(total <= total.min() + 1e-9)
    return int(best[len(best) // 2])


def _answers(
    asked: npt.NDArray[np.bool_], quoted: npt.NDArray[np.bool_], kinds: dict[str, npt.NDArray[np.bool_]]
) -> Answers:
    shares: dict[str, float] = {}
    for name, kind in kinds.items():
        count = max(1, int(kind.sum()))
        shares[f"{name}_quoted"] = float((quoted & kind).sum() / count)
        shares[f"{name}_asked"] = float((asked & ~quoted & kind).sum() / count)
    return Answers(**shares)
