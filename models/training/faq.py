"""Exercises from the DSTC9 track 1 knowledge snippets (Kim et al. 2020, Apache-2.0): quote what answers."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

from models.training.exercise import THINKING, THINKING_HINT, Exercise


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """(question, answer) pairs."""
    domains = json.loads(path.read_text())
    return [
        (doc["title"], doc["body"])
        for entities in domains.values()
        for entity in entities.values()
        for doc in entity["docs"].values()
    ]


def exercises(pairs: list[tuple[str, str]], r: random.Random) -> Iterator[Exercise]:
    """Questions with their one passage as evidence, for ever; the scratchpad restates the question."""
    while True:
        question, body = r.choice(pairs)
        fields = {THINKING: THINKING_HINT, "quote": "The sentence that answers the question."}
        answers = {THINKING: " " + question.rstrip("?")[:76], "quote": body}
        yield Exercise(fields, (("customer", question),), answers, "answer", (body,))
