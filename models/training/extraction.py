"""Plain extraction: a text, the keys of a record with their types, and the record. Generated; nothing is copied.

A record's keys are drawn anew each time, so that what is learned is to read a contract, not this one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from models.training import forms, values

CHOICES = {
    "size": ("small", "medium", "large"), "urgency": ("low", "normal", "high"), "payment": ("cash", "card", "transfer"),
    "colour": ("red", "blue", "green", "black"), "delivery": ("standard", "express"), "mood": ("happy", "angry", "sad"),
    "season": ("spring", "summer", "autumn", "winter"), "language": ("English", "French", "Hindi", "Spanish"),
}  # fmt: skip
FLAGS = {
    "gift_wrap": ("please wrap it as a gift", "no gift wrap"), "insured": ("it is insured", "there is no insurance"),
    "member": ("I am a member", "I am not a member"), "pets": ("we bring our dog", "no pets with us"),
    "invoice": ("send me an invoice", "I need no invoice"), "works": ("it works well", "it does not work"),
    "recommended": ("I would buy it again", "I would not recommend it"),
    "urgent": ("it is urgent", "there is no hurry"),
}  # fmt: skip
CARRIERS = ("the {l} is {v}", "{l}: {v}", "with {l} {v}", "my {l} is {v}", "{v} as {l}", "{l} {v}")


@dataclass(frozen=True)
class Key:
    """`kind`: what its values are; `options`: of a choice."""

    kind: Literal["text", "number", "choice", "flag", "list"]
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Extraction:
    """A value of None was not said; an empty list neither."""

    keys: Mapping[str, Key]
    text: str
    record: Mapping[str, Any]


def extractions(r: random.Random, count: int) -> Iterator[list[Extraction]]:
    """`count` texts for the same keys at a time, for ever."""
    while True:
        keys = _keys(r)
        yield [_one(keys, r) for _ in range(count)]


def _keys(r: random.Random) -> dict[str, Key]:
    drawn = [(label, Key("text")) for label in r.sample([one for one in forms.LABELS if one not in CHOICES], 2)]
    drawn += [(name, Key("choice", CHOICES[name])) for name in r.sample(sorted(CHOICES), r.randint(1, 2))]
    drawn += [(name, Key("flag")) for name in r.sample(sorted(FLAGS), r.randint(0, 2))]
    drawn += [
        (name, Key("number")) for name in r.sample(("count", "age", "pieces", "rooms", "guests"), r.randint(0, 1))
    ]
    drawn += [("items", Key("list"))] * (r.random() < 0.4)
    r.shuffle(drawn)
    return dict(drawn)


def _one(keys: Mapping[str, Key], r: random.Random) -> Extraction:
    record: dict[str, Any] = {}
    parts: list[str] = []
    for name, key in keys.items():
        record[name] = [] if key.kind == "list" else None
        if r.random() < 0.35:
            continue
        label = name.replace("_", " ")
        if key.kind == "flag":
            record[name] = r.random() < 0.5
            parts.append(FLAGS[name][0 if record[name] else 1])
        elif key.kind == "list":
            record[name] = [values.thing(r) for _ in range(r.randint(1, 3))]
            *first, last = record[name]
            parts.append("I need " + (", ".join(first) + " and " if first else "") + last)
        else:
            record[name] = _value(key, r)
            parts.append(r.choice(CARRIERS).format(l=label, v=record[name]))
    r.shuffle(parts)
    text = r.choice((", ", ". ", "; ", " and ")).join(parts) or "I will tell you more tomorrow"
    return Extraction(keys, text + r.choice(("", ".", "!")), record)


def _value(key: Key, r: random.Random) -> str | int:
    if key.kind == "choice":
        return r.choice(key.options)
    return r.randint(1, 99) if key.kind == "number" else r.choice((values.word, values.person, values.thing))(r)
