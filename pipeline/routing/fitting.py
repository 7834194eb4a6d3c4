"""Fitting: a gate's model from labelled vectors: a head chosen on messages held out, scores of such messages for the
calibration, and of messages whose whole intent was held out (what is near, and still for no intent); then a head on
everything. Deterministic by seed. Knows neither files nor encoders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.costs import Costs
from pipeline.intents import OUT_OF_SCOPE
from pipeline.routing.calibration import Calibration
from pipeline.routing.head import FEW, Head, Matrix, Method, Numbers, numbered, principal
from pipeline.routing.headway import Headway, Tell, silent
from pipeline.routing.model import GateModel
from pipeline.routing.neighbours import DIRECTIONS, Neighbours
from pipeline.routing.scope import Reading

MANY = 5_000
"""More examples than this are cut into 3 parts instead of 5: a head of two thirds is as good then, and it takes half
of the time."""
NAMED = 30
"""With fewer examples of some intent than this, the intents' own names are tried as one more example each."""
TRIED = 3_000
"""At most so many examples, evenly of all intents, are used to choose a head, and twice as many to learn what is
near and for no intent: minutes, not hours."""
GROUPS = 5
"""Parts into which the intents are cut to be held out as a whole; with fewer intents nothing is learnt from that."""


@dataclass(frozen=True, eq=False)
class Examples:
    """What a gate is fitted on: unit `vectors` (m, d) and their `labels`, of which out_of_scope may be one.

    `named`: (intents, d), the vectors of the intents' names in the order of `intents`, if there are any. `layer`: the
    columns of one of an encoder's layers, if `vectors` hold several side by side.
    """

    vectors: Matrix
    labels: Sequence[str]
    named: Matrix | None = None
    layer: int = 0

    @property
    def intents(self) -> tuple[str, ...]:
        """In the order of their numbers; out of scope comes behind them."""
        return tuple(sorted(set(self.labels) - {OUT_OF_SCOPE}))

    @property
    def classes(self) -> int:
        """The intents, and out of scope if there are such examples."""
        return len(self.intents) + (OUT_OF_SCOPE in self.labels)

    @property
    def numbers(self) -> Numbers:
        """(m,): the class of each."""
        return numbered(self.labels, (*self.intents, OUT_OF_SCOPE))

    @property
    def fewest(self) -> int:
        """Examples of the class that has the fewest."""
        return int(np.bincount(self.numbers, minlength=self.classes).min())

    def some(self, rows: Sequence[int] | Numbers) -> Examples:
        """Those at these rows; all intents must be among them if there are names."""
        return replace(self, vectors=self.vectors[rows], labels=[self.labels[row] for row in rows])


@dataclass(frozen=True)
class Choice:
    """How a head is fitted: by which method, and whether names are examples. `right`: held-out messages in scope that
    it recognised, as a share; 0 where nothing was tried.
    """

    method: Method
    named: bool = False
    right: float = 0.0

    def __str__(self) -> str:
        return f"{self.method}{' with the intents' + chr(39) + ' names' if self.named else ''}"

    def head(self, examples: Examples) -> Head:
        """One that is fitted on all of these."""
        vectors, numbers = examples.vectors, examples.numbers
        if self.named and examples.named is not None:
            vectors = np.concatenate([vectors, examples.named])
            numbers = np.concatenate([numbers, np.arange(len(examples.named))])
        return Head.fit(vectors, numbers, examples.classes, self.method, examples.layer)


def choose(examples: Examples, *, seed: int = 0, progress: Tell = silent) -> list[Choice]:
    """The ways to fit a head, by the messages held out that each recognises, best first: but the plain regression stays
    first unless another is better by more than a standard error. One way only where examples are few.
    """
    if examples.fewest < FEW or len(examples.intents) < 2:
        return [Choice("nearest")]
    few = examples.named is not None and examples.fewest < NAMED
    ways = [Choice("regression"), *([Choice("regression", True)] if few else [])]
    ways += [Choice("late", few)] if 0 < examples.layer < examples.vectors.shape[1] else []
    if OUT_OF_SCOPE in examples.labels or len(examples.intents) < GROUPS:
        # Where near misses have to be learnt it tells them worse, however right it is in scope: at 93 % right there it
        # finds 46 % of them where the regression finds 75 (CLINC150's banking and credit cards, 40 an intent).
        ways.append(Choice("metric", few))
    tried = examples.some(evenly(examples.numbers, TRIED, seed))
    inside = tried.numbers < len(tried.intents)
    right = np.zeros((len(ways), len(tried.labels)), dtype=bool)
    parts = _parts(tried, 3, seed)
    headway = Headway(progress, len(parts))
    for number, (seen, unseen) in enumerate(parts, 1):
        headway.step(f"Trying {len(ways)} heads, part {number} of {len(parts)}")
        part = tried.some(seen)
        for row, way in enumerate(ways):
            scores = way.head(part).scores(tried.vectors[unseen])[:, : len(tried.intents)]
            right[row, unseen] = scores.argmax(axis=1) == tried.numbers[unseen]
    shares = [float(one[inside].mean()) for one in right]
    order = sorted(range(len(ways)), key=lambda row: (-shares[row], row))
    ahead = right[order[0], inside].astype(float) - right[0, inside]
    if ahead.mean() <= ahead.std() / np.sqrt(len(ahead)):  # a few messages more may be luck
        order.remove(0)
        order.insert(0, 0)
    return [replace(ways[row], right=round(shares[row], 4)) for row in order]


def fit(
    examples: Examples,
    choice: Choice | None = None,
    *,
    encoder: str = "",
    precision: float | None = None,
    costs: Costs | None = None,
    seed: int = 0,
    progress: Tell = silent,
) -> GateModel:
    """Fit head, calibration and thresholds; `choice`: None chooses. `precision` as for `Calibration.fit`.

    Every threshold comes from scores of heads that had not seen the example. With fewer than FEW examples of a class
    there is nothing to hold out: the nearest class decides then, and the calibration is a cautious guess.
    """
    chosen = choice or choose(examples, seed=seed, progress=progress)[0]
    if examples.fewest < FEW:
        chosen = Choice("nearest")
    intents = examples.intents
    parts: list[tuple[Numbers, Numbers]] = []
    if examples.fewest > 1 and len(intents) > 1:
        parts = _parts(examples, folds_of(len(examples.labels)), seed)
    near_rows = evenly(examples.numbers, 2 * TRIED, seed) if len(intents) >= GROUPS else np.arange(0)
    # A head takes time by the examples that it is fitted on.
    work = len(examples.labels) * max(len(parts), 1) + len(near_rows) * (GROUPS - 1)
    headway = Headway(progress, work)
    headway.step(f"Fitting {len(intents)} intents on {len(examples.labels)} examples", len(examples.labels))
    head = chosen.head(examples)
    if examples.fewest < 2 or len(intents) < 2:
        calibration = Calibration(1.0, (-2.0, -1.0, 0.0, 0.0), 0.5, 0.95, 0.95)
        return GateModel(intents, head, calibration, encoder)
    directions = principal(examples.vectors, DIRECTIONS) if len(intents) >= GROUPS else None
    scores = np.zeros((len(examples.labels), examples.classes), dtype=np.float32)
    likeness = None if directions is None else np.zeros(len(examples.labels))
    for number, (seen, unseen) in enumerate(parts, 1):
        headway.step(f"Holding out part {number} of {len(parts)}", len(seen))
        part = _read(examples.some(seen), chosen, examples.vectors[unseen], directions)
        scores[unseen] = part.scores
        if likeness is not None and part.likeness is not None:
            likeness[unseen] = part.likeness
    near = None
    if directions is not None:
        near = near_misses(examples.some(near_rows), chosen, directions, seed=seed, headway=headway)
    held_out = Reading(scores, likeness)
    calibration = Calibration.fit(
        held_out, examples.numbers, len(intents), precision, near=near, costs=costs or Costs()
    )
    neighbours = None
    if calibration.compares and directions is not None:
        neighbours = Neighbours.of(examples.vectors, examples.numbers, len(intents), directions)
    return GateModel(intents, head, calibration, encoder, neighbours=neighbours)


def _read(examples: Examples, choice: Choice, vectors: Matrix, directions: Matrix | None) -> Reading:
    """What a head that was fitted on the examples makes of other messages, and how like the examples these are."""
    scores = choice.head(examples).scores(vectors)
    if directions is None:
        return Reading(scores)
    intents = len(examples.intents)
    neighbours = Neighbours.of(examples.vectors, examples.numbers, intents, directions)
    return Reading(scores, neighbours.likeness(vectors, scores[:, :intents].argmax(axis=1)))


def near_misses(examples: Examples, choice: Choice, directions: Matrix, *, seed: int, headway: Headway) -> Reading:
    """What heads that know nothing of their intent make of messages: near an intent, and for none; of at least GROUPS
    intents. The intent's own score is the least of all.
    """
    intents, classes = len(examples.intents), examples.classes
    numbers = examples.numbers
    group = np.random.default_rng(seed).permutation(intents) % GROUPS
    found = Reading(np.zeros((0, classes), dtype=np.float32), np.zeros(0))
    for number in range(GROUPS):
        there = [place for place in range(classes) if place >= intents or group[place] != number]
        known = np.isin(numbers, there)
        headway.step(f"Holding out whole intents, part {number + 1} of {GROUPS}", int(known.sum()))
        rest = examples.some(np.flatnonzero(known))
        rest = replace(rest, named=None if examples.named is None else examples.named[group != number])
        part = _read(rest, choice, examples.vectors[~known], directions)
        scores = np.full((len(part.scores), classes), part.scores.min() - 1, dtype=np.float32)
        scores[:, there] = part.scores
        found = found.beside(Reading(scores, part.likeness))
    return found


def folds_of(examples: int) -> int:
    """Into how many parts so many examples are cut, to be held out in turn."""
    return 3 if examples > MANY else 5


def evenly(numbers: Numbers, most: int, seed: int) -> Numbers:
    """Rows, at most about `most`, ascending: as many of each class as fit, and of a small one all."""
    if len(numbers) <= most:
        return np.arange(len(numbers))
    order = np.random.default_rng(seed).permutation(len(numbers))
    each = max(FEW, most // (int(numbers.max()) + 1))
    kept = [order[numbers[order] == number][:each] for number in range(int(numbers.max()) + 1)]
    return np.sort(np.concatenate(kept))


def _parts(examples: Examples, folds: int, seed: int) -> list[tuple[Numbers, Numbers]]:
    from sklearn.model_selection import StratifiedKFold

    cut = StratifiedKFold(min(folds, examples.fewest), shuffle=True, random_state=seed)
    return list(cut.split(examples.vectors, examples.numbers))
