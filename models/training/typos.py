"""Slips of the keyboard in what customers say."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Literal

Talk = list[tuple[Literal["customer", "assistant"], str]]


def mistyped(talk: Talk, answers: Mapping[str, str | None], r: random.Random) -> Talk:
    """The conversation with up to three slips in each of the customer's messages.

    Words of values stay as they are: the model copies, it does not correct, and what it should write must be found.
    """
    kept = {word for value in answers.values() if value for word in re.findall(r"\w+", value)}
    return [(role, _slip(text, kept, r) if role == "customer" else text) for role, text in talk]


def _slip(text: str, kept: set[str], r: random.Random) -> str:
    words = text.split(" ")
    for n in r.sample(range(len(words)), k=min(len(words), r.randint(1, 3))):
        word = words[n]
        if len(word) > 3 and word.isalpha() and word not in kept:
            i = r.randrange(len(word) - 1)
            words[n] = r.choice(
                (
                    word[:i] + word[i + 1] + word[i] + word[i + 2 :],
                    word[:i] + word[i + 1 :],
                    word[:i] + word[i] + word[i:],
                )
            )
    return " ".join(words)
