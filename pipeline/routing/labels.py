"""Labels that deserve a second look, from decisions about messages that the gate had not seen: pairs of intents that
are taken for each other, and messages whose own label looks wrong. Knows decisions; mends nothing.

Wrong labels are found by confident learning (Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty
in Dataset Labels", JAIR 2021): a message is suspected where another intent's probability is at least what messages
with that label have on average, and more than its own label's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.intents import OUT_OF_SCOPE
from pipeline.routing.evaluation import Judged

MERGED = 3
"""How many pairs are named as worth merging."""
LEAST = 2
"""Confusions of a pair before it is worth merging: one may be anything."""


@dataclass(frozen=True)
class Confusion:
    """Two labels that are taken for each other `times` times; `gained`: share of messages in scope, were they one.

    `examples`: messages, each with its label, at most two from each side.
    """

    first: str
    second: str
    times: int
    gained: float
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Suspect:
    """A message whose `label` looks wrong: `likelier` has `lead` more probability."""

    text: str
    label: str
    likelier: str
    lead: float


def confusions(judged: Sequence[Judged]) -> list[Confusion]:
    """Every confused pair, the most frequent first; out_of_scope may be one of it."""
    pairs: dict[tuple[str, str], list[Judged]] = {}
    for row in judged:
        if not row.right:
            first, second = sorted((row.expected, row.label))
            pairs.setdefault((first, second), []).append(row)
    inside = max(sum(row.expected != OUT_OF_SCOPE for row in judged), 1)
    found = [
        Confusion(first, second, len(rows), len(rows) / inside, _examples(rows))
        for (first, second), rows in pairs.items()
    ]
    return sorted(found, key=lambda one: (-one.times, one.first, one.second))


def to_merge(found: Sequence[Confusion]) -> list[Confusion]:
    """The pairs of intents that cost most: candidates for one label."""
    worth = [one for one in found if OUT_OF_SCOPE not in (one.first, one.second) and one.times >= LEAST]
    return worth[:MERGED]


def suspects(judged: Sequence[Judged]) -> list[Suspect]:
    """The messages whose label looks wrong, the surest first."""
    sums: dict[str, list[float]] = {}
    for row in judged:
        sums.setdefault(row.expected, []).append(dict(row.shares).get(row.expected, 0.0))
    usual = {label: sum(shares) / len(shares) for label, shares in sums.items()}
    found: list[Suspect] = []
    for row in judged:
        own = dict(row.shares).get(row.expected, 0.0)
        others = [
            (share, label)
            for label, share in row.shares
            if label != row.expected and share > own and share >= usual.get(label, 2.0)
        ]
        if others:
            share, label = max(others)
            found.append(Suspect(row.text, row.expected, label, share - own))
    return sorted(found, key=lambda one: (-one.lead, one.text))


def _examples(rows: Sequence[Judged]) -> tuple[tuple[str, str], ...]:
    sides: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        sides.setdefault(row.expected, []).append((row.text, row.expected))
    return tuple(example for side in sorted(sides) for example in sides[side][:2])
