"""Exercises from the Schema-Guided Dialogue dataset (Rastogi et al. 2019, CC BY-SA 4.0): travel-like services.

Each user turn becomes one form, filled with what the customer said in it or in the turn before; what the assistant said
in between is shown, but nothing is copied from it. A slot counts as said when its value, or the same number as a word,
stands in the customer's text as whole words; what was said earlier, and what the user does not care about, counts as
empty. Slots that are true or false cannot be copied and are left out.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from models.training import values
from models.training.exercise import THINKING, THINKING_HINT, Exercise, notes
from models.training.typos import Talk, mistyped

Schema = Mapping[str, Mapping[str, str]]
"""Service -> slot -> description."""


def read_schema(path: Path) -> Schema:
    """Slot descriptions by service, without slots that are true or false."""
    services = json.loads(path.read_text())
    return {
        service["service_name"]: {
            slot["name"]: slot["description"]
            for slot in service["slots"]
            if slot["possible_values"] != ["True", "False"]
        }
        for service in services
    }


def read_turns(path: Path) -> list[dict[str, Any]]:
    """The user turns of a file, one a line."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def conversation(turn: Mapping[str, Any]) -> Talk:
    """The two turns before and the turn itself, oldest first."""
    before: Talk = [("customer" if said["role"] == "user" else "assistant", said["text"]) for said in turn["history"]]
    return [*before, ("customer", turn["user"])]


def said(value: str, texts: list[str]) -> str | None:
    """The value as it stands in the newest text that has it as whole words, or None."""
    if value == "dontcare":
        return None
    forms = [re.escape(value)]
    if value.isdigit() and 0 < int(value) <= 10:
        forms.append(values.numbers()[int(value) - 1] + (r"(?![ -]?way)" if value == "1" else ""))
    for form in forms:
        for text in reversed(texts):
            if found := _whole(form).search(text):
                return found.group()
    return None


@cache
def _whole(form: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){form}(?!\w)", re.IGNORECASE)


def gold(turn: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, str | None]:
    """What a careful copier writes into each field of the turn's service."""
    texts = [text for role, text in conversation(turn) if role == "customer"]
    return {name: said(turn["slots"][name], texts) if name in turn["slots"] else None for name in fields}


SYNONYMS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "destination": (
        ("destination", "Where do you want to go?"),
        ("to_city", "Where to?"),
        ("arrival_city", "City of arrival"),
    ),
    "origin": (("origin", "Where do you leave from?"), ("from_city", "From where?"), ("start", "Place of departure")),
    "departure": (
        ("departure", "On which day do you want to leave?"),
        ("travel_date", "Day of travel"),
        ("when", "When?"),
    ),
    "passengers": (
        ("travellers", "How many people travel?"),
        ("party", "Size of the party"),
        ("seats", "How many seats?"),
    ),
}
ALIASES = {
    "destination_city": "destination", "to_location": "destination", "where_to": "destination", "destination": "destination",
    "origin_city": "origin", "from_location": "origin", "origin": "origin", "departure_date": "departure",
    "leaving_date": "departure", "passengers": "passengers", "group_size": "passengers", "travelers": "passengers",
    "number_of_riders": "passengers",
}  # fmt: skip

REFILL = {
    "city": values.city, "location": values.city, "origin": values.city, "destination": values.city, "where": values.city,
    "airlines": values.company, "name": values.venue, "date": values.day, "time": values.clock, "pickup_location": values.venue,
}  # fmt: skip


def _filler(name: str) -> values.Value | None:
    if name in ("destination", "hotel_name", "pickup_location"):
        return values.venue if name != "destination" else values.city
    return next((make for key, make in REFILL.items() if key in name), None)


def exercises(turns: list[dict[str, Any]], schema: Schema, r: random.Random) -> Iterator[Exercise]:
    """One exercise a turn, for ever in random order: spans refilled, fields renamed, shuffled and left out at random.

    Three of four turns in which nothing was said are passed over: an empty form teaches little.
    """
    while True:
        exercise = _vary(r.choice(turns), schema, r)
        if any(value for name, value in exercise.answers.items() if name != THINKING) or r.random() < 0.25:
            yield exercise


def plain(turn: Mapping[str, Any], schema: Schema) -> Exercise:
    """The exercise of a turn as it stands, for evaluation."""
    fields = schema[turn["service"]]
    return Exercise(dict(fields), tuple(conversation(turn)), gold(turn, fields))


def _vary(turn: Mapping[str, Any], schema: Schema, r: random.Random) -> Exercise:
    fields = dict(schema[turn["service"]])
    talk, answers = conversation(turn), gold(turn, fields)
    if r.random() < 0.35:
        talk = talk[-1:] if r.random() < 0.5 else talk[-2:]
        answers = gold({**turn, "history": turn["history"][3 - len(talk) :] if len(talk) == 2 else []}, fields)
    if r.random() < 0.6:
        talk, answers = _refill(talk, answers, r)
    names = list(fields)
    if r.random() < 0.7:
        r.shuffle(names)
    share = r.choice((0.3, 0.45, 0.7, 1.0))  # of the fields that nothing was said for
    names = [name for name in names if answers[name] is not None or r.random() < share] or names[:2]
    renamed: dict[str, tuple[str, str]] = {}
    for name in names:
        new, hint = name, fields[name]
        if name in ALIASES and r.random() < 0.5:
            new, hint = r.choice(SYNONYMS[ALIASES[name]])
        elif r.random() < 0.3:
            hint = r.choice((name.replace("_", " "), f"What is the {name.replace('_', ' ')}?", f"{hint}?"))
        if new not in {known for known, _ in renamed.values()}:
            renamed[name] = (new, hint)
    filled = {new: answers[name] for name, (new, _) in renamed.items()}
    form = dict(renamed.values())
    if r.random() < 0.3:
        form, filled = {THINKING: THINKING_HINT, **form}, {THINKING: notes(filled), **filled}
    if r.random() < 0.15:
        talk = [(role, text.lower()) for role, text in talk]
        filled = {name: v.lower() if v and name != THINKING else v for name, v in filled.items()}
    if r.random() < 0.15:
        talk = mistyped(talk, filled, r)
    return Exercise(form, tuple(talk), filled)


def _refill(talk: Talk, answers: dict[str, str | None], r: random.Random) -> tuple[Talk, dict[str, str | None]]:
    # Longest first: "San Diego, CA" before "San Diego"; placeholders keep a new value from being replaced again.
    filled = dict(answers)
    fresh: dict[str, str] = {}
    for name, value in sorted(answers.items(), key=lambda item: -len(item[1] or "")):
        make = _filler(name)
        if value is None or make is None or r.random() < 0.25:
            continue
        mark = fresh_mark = f"\x00{len(fresh)}\x00"
        pattern = _whole(re.escape(value))
        if not any(pattern.search(text) for _, text in talk):
            continue
        fresh[fresh_mark] = make(r)
        talk = [(role, pattern.sub(mark, text)) for role, text in talk]
        for other, old in answers.items():
            if old is not None and filled[other] == old and old.lower() == value.lower():
                filled[other] = fresh[mark]
    for mark, new in fresh.items():
        talk = [(role, text.replace(mark, new)) for role, text in talk]
    kept: dict[str, str | None] = {}
    for name, value in filled.items():
        kept[name] = value if value is None or any(value in text for role, text in talk if role == "customer") else None
    return talk, kept
