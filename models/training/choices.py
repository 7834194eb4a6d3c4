"""Choices: labelled messages put to a model with a few intents that they may belong to, among refusals.

Knows labels; how they are worded for a model is the caller's.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NONE, BOTH = "out_of_scope", "ambiguous"
"""What may be chosen beside the intents: none of them, and two of them."""


@dataclass(frozen=True)
class Choice:
    """`options`: intents in the order in which they are offered; `right` is one of them, or NONE, or BOTH."""

    options: tuple[str, ...]
    message: str
    right: str


def read_messages(path: Path, part: str) -> dict[str, list[str]]:
    """Messages by intent of a part of CLINC150 (Larson et al. 2019), `oos` among them."""
    found: dict[str, list[str]] = defaultdict(list)
    for text, intent in json.loads(path.read_text())[part]:
        found[intent].append(text)
    return dict(found)


def held_out(intents: Sequence[str], count: int = 20) -> frozenset[str]:
    """Intents that are never practised, neither as an answer nor as an option: always the same ones."""
    return frozenset(random.Random(20).sample(sorted(intents), count))


def choices(messages: Mapping[str, Sequence[str]], r: random.Random, count: int) -> Iterator[list[Choice]]:
    """`count` messages with the same options at a time, for ever: one in eight fits none, one in sixteen two."""
    intents = sorted(messages)
    like = {name: [other for other in intents if other != name and _related(name, other)] for name in intents}
    while True:
        first = r.choice(intents)
        near = r.sample(like[first], min(len(like[first]), r.randint(0, 2)))
        far = r.sample([name for name in intents if name != first and name not in near], r.randint(1, 4))
        options = [first, *near, *far][:6]
        r.shuffle(options)
        others = [name for name in intents if name not in options]
        yield [_one(messages, tuple(options), others, r) for _ in range(count)]


def _one(
    messages: Mapping[str, Sequence[str]], options: tuple[str, ...], others: list[str], r: random.Random
) -> Choice:
    draw = r.random()
    if draw < 1 / 8:
        return Choice(options, r.choice(messages[r.choice(others)]), NONE)
    if draw < 3 / 16:
        one, two = (r.choice(messages[name]) for name in r.sample(options, 2))
        return Choice(options, r.choice(("{} and {}", "{}. also {}", "{}, then {}")).format(one, two), BOTH)
    right = r.choice(options)
    return Choice(options, r.choice(messages[right]), right)


def _related(one: str, two: str) -> bool:
    return bool(set(one.split("_")) & set(two.split("_")))
