"""Several conversations for one form: exercises that share their fields, so that a model reads these once for all."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from models.training import sgd, utterances
from models.training.exercise import THINKING, Exercise


def from_dialogues(
    turns: Sequence[Mapping[str, Any]], schema: sgd.Schema, r: random.Random, count: int
) -> Iterator[list[Exercise]]:
    """`count` turns of one service at a time, for ever: its fields whole and in order half of the time, otherwise
    shuffled and fewer. Three of four turns in which nothing was said are passed over.
    """
    of_service: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for turn in turns:
        of_service[turn["service"]].append(turn)
    services = sorted(of_service)
    while True:
        service = r.choice(services)
        fields = dict(schema[service])
        if r.random() < 0.5:
            names = r.sample(list(fields), r.randint(max(2, len(fields) // 3), len(fields)))
            fields = {name: fields[name] for name in names}
        found: list[Exercise] = []
        while len(found) < count:
            turn = r.choice(of_service[service])
            talk, answers = sgd.conversation(turn), sgd.gold(turn, fields)
            if r.random() < 0.6:
                talk, answers = sgd.refill(talk, answers, r)
            if any(answers.values()) or r.random() < 0.25:
                found.append(Exercise(fields, tuple(talk), answers))
        yield found


def from_requests(r: random.Random, count: int, waiting: int = 400) -> Iterator[list[Exercise]]:
    """Generated requests by form, for ever: `count` of a form that is common; of what has not found so many after
    `waiting` requests, what there is.
    """
    gathered: dict[tuple[tuple[str, str], ...], list[Exercise]] = defaultdict(list)
    for seen, exercise in enumerate(utterances.exercises(r), 1):
        if r.random() < 0.7:
            exercise = _without_notes(exercise)
        key = tuple(exercise.fields.items())
        gathered[key].append(exercise)
        if len(gathered[key]) == count:
            yield gathered.pop(key)
        elif seen % waiting == 0:
            yield gathered.pop(max(gathered, key=lambda one: len(gathered[one])))


def _without_notes(exercise: Exercise) -> Exercise:
    fields = {name: hint for name, hint in exercise.fields.items() if name != THINKING}
    return replace(exercise, fields=fields, answers={name: exercise.answers[name] for name in fields})
