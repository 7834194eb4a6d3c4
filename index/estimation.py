"""The fusion's constants for another encoder, from the passages of the index that is being built.

What belongs together is told by the passages themselves: a passage's first sentence, or its heading, and the rest.
Both encoders read the same pairs, a few hundred texts; nobody has to judge anything. See `fusion.scaled`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence

import numpy as np

from index.embedding import Vectors
from index.retrieval.fusion import Constants, Cosines, scaled
from index.sentences import split_sentences

PAIRS = 200
"""Pairs at most; each encoder reads twice as many texts."""
FEWEST = 16
"""Of fewer pairs nothing is learnt: the default encoder's constants are taken."""

Encode = Callable[[Sequence[str]], Vectors]


def estimated(texts: Collection[str], encode: Encode, reference: Encode) -> Constants | None:
    """`texts`: passages under their headings, as an encoder is shown them; None where they hold too few pairs."""
    halves = pairs(texts)
    if len(halves) < FEWEST:
        return None
    asked, answers = [first for first, _ in halves], [rest for _, rest in halves]
    return scaled(_cosines(encode(asked), encode(answers)), _cosines(reference(asked), reference(answers)))


def pairs(texts: Collection[str]) -> list[tuple[str, str]]:
    """A passage's first sentence and its others; of a passage of one sentence its heading and that."""
    drawn = sorted(texts)
    random.Random(0).shuffle(drawn)
    found: list[tuple[str, str]] = []
    for text in drawn:
        first, *rest = split_sentences(text.strip()) or [""]
        heading, _, below = text.strip().partition("\n")
        if rest and len(first.split()) > 2:
            found.append((first, " ".join(rest)))
        elif below.strip() and len(heading.split()) > 1:
            found.append((heading, below.strip()))
        if len(found) == PAIRS:
            break
    return found


def _cosines(asked: Vectors, answers: Vectors) -> Cosines:
    every = asked @ answers.T
    own = np.diag(every)
    strange = every[~np.eye(len(own), dtype=bool)].reshape(len(own), -1)
    return Cosines(float(own.mean()), float(strange.mean()), float(np.sqrt(strange.var(axis=1).mean())))
