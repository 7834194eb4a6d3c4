"""Questions with a few passages of which one holds the answer: a sentence to quote, or a yes or no to say.

From the DSTC9 track 1 knowledge snippets (Kim et al. 2020, Apache-2.0). One entity in ten is never practised.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

Entity = Sequence[tuple[str, str]]
"""Questions about one hotel, restaurant or service, each with its answer."""


@dataclass(frozen=True)
class Asked:
    """`answer` is a part of one of the passages."""

    question: str
    passages: tuple[str, ...]
    answer: str

    @property
    def yes(self) -> bool | None:
        """Whether the answer begins with yes, or no; None where it says neither."""
        word = self.answer.split(",")[0].casefold()
        return {"yes": True, "no": False}.get(word)


def read_entities(path: Path) -> tuple[list[Entity], list[Entity]]:
    """Entities of at least three answers: to practise, and held out."""
    domains = json.loads(path.read_text())
    entities: list[Entity] = [
        [(doc["title"], doc["body"]) for doc in entities[name]["docs"].values()]
        for entities in domains.values()
        for name in sorted(entities)
    ]
    whole = [one for one in entities if len(one) >= 3]
    return [one for n, one in enumerate(whole) if n % 10], whole[::10]


def asked(entities: Sequence[Entity], r: random.Random) -> Iterator[Asked]:
    """Questions, for ever: two to four passages of one to three answers of the same entity, or of others too."""
    while True:
        entity = r.choice(entities)
        question, answer = r.choice(entity)
        bodies = [body for title, body in entity if body != answer]
        if r.random() < 0.4:
            bodies += [r.choice(r.choice(entities))[1] for _ in range(3)]
        bodies = [body for body in dict.fromkeys(bodies) if body != answer]
        texts = [answer, *r.sample(bodies, min(len(bodies), r.randint(2, 5)))]
        r.shuffle(texts)
        passages, start = [], 0
        while start < len(texts):
            size = r.randint(1, 3)
            passages.append(" ".join(texts[start : start + size]))
            start += size
        yield Asked(question, tuple(passages), answer)
