"""Extraction: what code alone finds in a customer's words for the fields of a form, where their type tells it.

Knows contracts and types that have a reading (dates, amounts, an app's own); words for a `Said[str]` need a model. It
finds nothing where two readings are possible.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any, TypeVar

from models.contract import Contract
from models.offload import offload
from models.said import Unread, written
from models.values.money import Money
from models.values.reading import SHIPPED, read
from pipeline.forms import dialogue_acts, slots
from pipeline.forms.leniency import guesses
from pipeline.outcome import Question

R = TypeVar("R")

WINDOW = 5
"""Words on each side of an "or" in which the two values of a choice are looked for."""
AROUND = 400
"""Characters on each side in which these words stand, or the name is not one that people have."""
MOST_CHOICES = 8
"""Such choices in one text that are looked at."""
INLINE_WORDS = 12
"""An answer of more words is read in a thread: reading takes up to a tenth of a second, and nobody else may wait."""

AMOUNT = 100
"""A bare number from here on may be the amount of a form that has one as well: "under 8000"."""

SPELLED = 2_000
"""Characters of a message in which codes are looked for: an app's own reader may take its time."""


_EDGES = " \t\n,.;:!?-–—"
_NUMBERS = (int, float, Decimal)
_OR = re.compile(r"\s+or\s+(?:(?:maybe|perhaps|on|even)\s+)*", re.I)
_CLAUSE = re.compile(r"[^.!?;,]+\??")
_HELPERS = {
    "has",
    "is",
    "are",
    "with",
    "for",
    "good",
    "allowed",
    "wants",
    "needs",
    "want",
    "need",
    "include",
    "includes",
}
_CONSENT = re.compile(r"(?:don't|do not|won't|would not|wouldn't) (?:mind|bother me)|no problem|not a problem")
_NEGATED = re.compile(r"\b(?:no|not|never|without|neither|nor|rather than|instead of|except|avoid)\b|n't\b")
_REQUEST = re.compile(
    r"\b(?:can|could|may) (?:i|we) (?:have|get|take|book)|\b(?:can|could|would) you (?:get|find|book|arrange)"
)
_NAME = r"[^\W\d_a-z][\w'’-]*(?:\s+[^\W\d_a-z][\w'’-]*)*"


@dataclass(frozen=True)
class Whole:
    """An answer that was read as the value of the field that was asked for.

    `beside`: values for other fields in the words that are left, where the field's class found its own among them.
    """

    value: object
    beside: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Named:
    """An answer in which values stand, for the field that was asked for or for others; at least one."""

    found: Mapping[str, object]


@dataclass(frozen=True)
class Words:
    """An answer in which code can read no value."""


def parse(
    contract: type[Contract], field: str, answer: str, today: date, also: Sequence[str] = ()
) -> Whole | Named | Words:
    """What code reads in an answer to the question about a field; `also` as for `others`."""
    value = slots.read_answer(contract, field, answer, today)
    if value is not None and not isinstance(value, Unread):
        return Whole(value, _beside(contract, field, answer, value, today))
    value = only(contract, field, answer, today)
    found = ({} if value is None else {field: value}) | others(contract, field, answer, today, also)
    return Named(found) if found else Words()


def _beside(contract: type[Contract], field: str, answer: str, value: object, today: date) -> dict[str, object]:
    """What an answer says for other fields beside a value whose class searches: "4711, and only 4 laptops".

    There, and only there, a bare number counts for the one field that is a number.
    """
    kind = slots.said_kind(contract, field)
    words = written(value)
    if (
        kind is None
        or kind in SHIPPED
        or answer.count(words) != 1
        or not (rest := answer.replace(words, " ").strip(_EDGES))
    ):
        return {}
    numbers = [name for name in contract.model_fields if slots.said_kind(contract, name) in _NUMBERS]
    free = numbers if len(numbers) == 1 and not dialogue_acts.mentioned(date, rest, today) else []
    return others(contract, field, rest, today, free)


async def aside(work: Callable[[], R], text: str) -> R:
    """What code finds in a text, in a thread if that may take long.

    Not before the first step of a task: what comes first there is counted by when it comes.
    """
    return await offload(work, len(text.split()), INLINE_WORDS)


def only(contract: type[Contract], field: str, answer: str, today: date) -> object | None:
    """The one value of the field's type that an answer names somewhere; None if there is none, or more than one."""
    kind = slots.said_kind(contract, field)
    if kind is None or kind in (str, bool):
        return None
    found = dialogue_acts.mentioned(kind, answer, today, most=2)
    return found[0][0] if len(found) == 1 else None


def others(
    contract: type[Contract], field: str, answer: str, today: date, also: Sequence[str] = ()
) -> dict[str, object]:
    """Values for other fields than `field` that an answer names, of types that no second field has.

    Bare numbers count only for the fields `also`, which were asked about as well: any answer may have some.
    """
    kinds = {name: slots.said_kind(contract, name) for name in contract.model_fields}
    found: dict[str, object] = {}
    for name, kind in kinds.items():
        if name == field or kind is None or kind in (str, bool) or list(kinds.values()).count(kind) > 1:
            continue
        if kind in _NUMBERS and name not in also:
            continue
        value = only(contract, name, answer, today)
        bare = isinstance(value, Money) and not value.currency
        if value is not None and (name in also or not bare):
            found[name] = value
    return found


def spelled(contract: type[Contract], fields: Sequence[str], said: Sequence[str], today: date) -> dict[str, str]:
    """The words for those of some fields whose type is a class of the app's own, where exactly one value was said.

    A class that takes ordinary words for a value is left to the model, and so is one that two fields have.
    """
    kinds = [slots.said_kind(contract, name) for name in contract.model_fields]
    found: dict[str, str] = {}
    for name in fields:
        kind = slots.said_kind(contract, name)
        if kind is None or kind is Money or not hasattr(kind, "read") or kinds.count(kind) > 1 or guesses(kind, today):
            continue
        values = [pair for text in said for pair in _spellings(kind, text[:SPELLED], today)]
        if values and all(value == values[0][0] for value, _ in values):
            found[name] = values[0][1]
    return found


def mistaken(contract: type[Contract], field: str, copied: str, found: str, today: date) -> bool:
    """Whether words that a field's type cannot read were copied by mistake, where `found` is the one value said of it.

    They are a part of it, another field's value, or no code at all: "Version" of "Version 4.2 crashes". Other digits
    may be what was meant, and misspelt: that is asked.
    """
    part = copied in found or found in copied
    return part or not any(c.isdigit() for c in copied) or bool(others(contract, field, copied, today))


def certain(contract: type[Contract], said: Sequence[str], today: date) -> dict[str, str]:
    """The words for fields whose type no other field has and of which one value was said, and no other.

    A number is one that is no part of a day or an amount. Ordinary words that an app's own class takes for a value, and
    amounts without a currency, are left to the model.
    """
    kinds = {name: kind for name in contract.model_fields if (kind := slots.said_kind(contract, name)) is not None}
    held = [*kinds.values()]
    sole = {name: kind for name, kind in kinds.items() if held.count(kind) == 1 and kind not in (str, bool)}
    own = [kind for kind in sole.values() if kind not in (*_NUMBERS, date, Money) and not guesses(kind, today)]
    found: dict[str, dict[object, str]] = {name: {} for name in sole}
    for text in said:
        rest = text[:SPELLED]
        for kind in (*own, date, Money):
            for value, words in _plainly(kind, rest, today):
                rest = rest.replace(words, " ; ")  # its digits are no number of their own
                for name in (name for name, one in sole.items() if one is kind):
                    found[name][value] = words
        for name, kind in sole.items():
            if kind in _NUMBERS:
                for value, words in dialogue_acts.mentioned(kind, rest, today):
                    bare = Money in sole.values() and abs(Decimal(str(value))) >= AMOUNT  # which of the two is it?
                    if not bare and (value != 1 or "1" in words):  # no "a", "me"
                        found[name][value] = _tight(kind, words, value, today)
    return {name: words for name, values in found.items() if len(values) == 1 for words in values.values()}


def without(said: Sequence[str], words: Collection[str]) -> list[str]:
    """What is left of some texts where these words are cut out of them: the pieces before, between and behind."""
    if not words:
        return list(said)
    cut = re.compile("|".join(rf"(?<!\w){re.escape(one)}(?!\w)" for one in sorted(words, key=len, reverse=True)))
    return [piece.strip() for text in said for piece in cut.split(text) if piece.strip(_EDGES)]


def _plainly(kind: type[Any], text: str, today: date) -> list[tuple[object, str]]:
    """The values of a type in a text with their words, of which none may stand between the parts of a value."""
    if kind is date:
        return dialogue_acts.mentioned(kind, text, today)
    if kind is not Money:
        return list(_spellings(kind, text, today))
    words = text.split()
    runs = [" ".join(words[start : start + length]) for length in (1, 2) for start in range(len(words))]
    amounts = [(read(Money, run, today), run) for run in dict.fromkeys(run.strip(" ,;.!?") for run in runs)]
    named = [(amount, run) for amount, run in amounts if isinstance(amount, Money) and amount.currency]
    return [(amount, _tight(kind, run, amount, today)) for amount, run in named]


def _spellings(kind: type[Any], text: str, today: date) -> Iterator[tuple[object, str]]:
    """The values that runs of words read as, shortest first: a reader that searches would find only one of two."""
    words = text.split()
    start = 0
    while start < len(words):
        spans = (" ".join(words[start : start + length]) for length in range(1, dialogue_acts.LONGEST + 1))
        span = next((span for span in spans if read(kind, span, today) is not None), None)
        if span is not None:
            value = read(kind, span, today)
            yield value, _tight(kind, span, value, today)
        start += len(span.split()) if span else 1


def _tight(kind: type[Any], text: str, value: object, today: date) -> str:
    """The words of a text, from its end and then from its beginning, without those that its value does not need."""
    words = text.split()
    while len(words) > 1 and read(kind, " ".join(words[:-1]), today) == value:
        words.pop()
    while len(words) > 1 and read(kind, " ".join(words[1:]), today) == value:
        words.pop(0)
    return " ".join(words).strip(" ,;.!?")


def sorted_out(contract: type[Contract], values: Mapping[str, object], today: date) -> dict[str, object]:
    """The values, with words that an optional field cannot read given to the one other field that can, if empty."""
    sorted_values = dict(values)
    for name, value in values.items():
        if not isinstance(value, Unread) or contract.model_fields[name].is_required():
            continue
        for other, found in others(contract, name, value.text, today).items():
            sorted_values[name] = None
            if sorted_values.get(other) is None:
                sorted_values[other] = found
    return sorted_values


def stated(contract: type[Contract], values: Mapping[str, object], said: Sequence[str]) -> dict[str, bool]:
    """Required yes-or-no fields without a value that the customer names ("with wifi" for `has_wifi`), as True.

    A clause with a negation or a question says nothing certain, unless it is a form of consent ("I don't mind a shared
    ride") or of asking for it ("can I have a shared ride?").
    """
    clauses = [clause.lower() for text in said for clause in _CLAUSE.findall(text)]
    return {
        name: True
        for name, info in contract.model_fields.items()
        if info.annotation is bool
        and info.is_required()
        and values.get(name) is None
        and any(names(clause, name) and _affirms(clause) for clause in clauses)
    }


def names(text: str, field: str) -> bool:
    """Whether a text has the words of a field's name in it ("sharing a ride" for `shared_ride`)."""
    stems = [word[:4] for word in field.lower().split("_") if word not in _HELPERS]
    return bool(stems) and all(re.search(rf"\b{re.escape(stem)}", text.lower()) for stem in stems)


def _affirms(clause: str) -> bool:
    clause = clause.replace("’", "'")
    if _CONSENT.search(clause):
        return True
    return not _NEGATED.search(clause) and (not clause.endswith("?") or _REQUEST.search(clause) is not None)


def either(contract: type[Contract], values: Mapping[str, object], said: Sequence[str], today: date) -> Question | None:
    """A question for the first field of which two values were said, joined by "or": choosing one would be a guess."""
    for name, value in values.items():
        kind = slots.said_kind(contract, name)
        if value is None or kind is None or kind is bool or (isinstance(value, Unread) and " or " not in value.text):
            continue
        for text in said:
            for gap in islice(_OR.finditer(text), MOST_CHOICES):
                before, after = text[max(0, gap.start() - AROUND) : gap.start()], text[gap.end() :][:AROUND]
                pair = _pair(kind, before, after, today)
                sides = [read(kind, side, today) for side in pair or ()]
                if pair is not None and (isinstance(value, Unread) or value in sides):
                    asked = slots.question(contract, name)
                    return Question(name, f"{asked.text} {pair[0]} or {pair[1]}?", pair, asked.contract, asked.schema)
    return None


def _pair(kind: type[Any], before: str, after: str, today: date) -> tuple[str, str] | None:
    if kind is str:
        name, other = re.search(rf"({_NAME})$", before), re.match(_NAME, after)
        return (name[1], other[0]) if name and other and name[1] != other[0] else None
    left, right = before.split()[-WINDOW:], after.split()[:WINDOW]
    first = _value(kind, [left[start:] for start in range(len(left))], today)
    second = _value(kind, [right[:end] for end in range(len(right), 0, -1)], today)
    if first is None or second is None or read(kind, first, today) == read(kind, second, today):
        return None
    return first, second


def _value(kind: type[Any], candidates: Sequence[Sequence[str]], today: date) -> str | None:
    """Of some runs of words, longest first: the shortest that reads as the same value as the longest that reads."""
    texts = [" ".join(words).strip(" ,;.!?") for words in candidates]
    values = [read(kind, text, today) for text in texts]
    longest = next((value for value in values if value is not None), None)
    return None if longest is None else texts[len(values) - 1 - values[::-1].index(longest)]
