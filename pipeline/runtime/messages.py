"""Endings: what the people of a conversation are told when a record has come to a status.

Knows outcomes and, for quotes, the passages that the record's steps found. Holds back whatever is of the inside: the
reason of a failure is for those who mend it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from models.grammar.grammar import normalise
from pipeline.events import Answered, Asked, Escalated, Event, Failed, Progress, TurnFinished
from pipeline.journal.rows import StepRow
from pipeline.outcome import Ending, Outcome
from pipeline.text import short

SORRY = "I am sorry, this did not work. Please try again, or ask for a person."
STOPPED = "Stopped."
APPROVING = "This waits for the approval of the {}."
ABSENT = "The model does not answer at the moment. Please try again in a while."
"""Failures of which a customer is told the reason; of any other, `SORRY`."""

UNSERVED = "You also wrote {}: that was not dealt with. Please ask for it by itself."
_CURRENCY = re.compile("[A-Z]{3}")
_AMOUNT = re.compile(r"\d+(\.\d+)?")
LEAST_QUOTE = 8
"""Characters from which a text of a result that stands in a passage is a quote, and no coincidence."""


def endings(outcome: Outcome, steps: Sequence[StepRow], told: int = 0) -> list[Event]:
    """The events that end a turn, TurnFinished last. `steps` are the record's.

    `told`: of how many parts of the message the end was told in an earlier turn.
    """
    id = outcome.custom_id
    ended = [part.ending for part in outcome.parts if part.ending is not None and part.status != "needs_input"][told:]
    events: list[Event] = []
    for ending in ended if outcome.parts else [outcome.ending]:
        if ending.status == "completed":
            events.append(_answered(id, ending, steps))
        elif ending.status == "escalated" and ending.escalation is not None:
            events.append(Escalated(id, ending.escalation.to, ending.escalation.reason))
        elif ending.status == "failed":
            events.append(Failed(id, ending.error if ending.error in (STOPPED, ABSENT) else SORRY))
    if outcome.unserved:
        events = _with_unserved(id, events, outcome.unserved)
    question = outcome.ending.question
    if question is not None and question.approval is not None:  # which is put to others than the customer
        events.append(Progress(id, APPROVING.format(question.approval.role)))
    elif question is not None:
        events.append(Asked(id, question))
    return [*events, TurnFinished(id, outcome.status)]


def _with_unserved(id: str, events: Sequence[Event], unserved: Sequence[str]) -> list[Event]:
    """What a turn ends with, and what it left: in its last answer, or by itself where nobody was answered."""
    quoted = " and ".join(f'"{short(text)}"' for text in unserved)
    said = UNSERVED.format(quoted)
    if events and isinstance(last := events[-1], Answered):
        return [*events[:-1], replace(last, text=f"{last.text} {said}".strip())]
    return [*events, Progress(id, said)]


def _answered(id: str, ending: Ending, steps: Sequence[StepRow]) -> Answered:
    if ending.result is None:
        return Answered(id, ending.message or "")
    quotes = list(_quotes(ending.result, _passages(steps)))
    said = words(ending.result, ending.contract or "", quotes)
    return Answered(id, said, dict(ending.result), ending.contract, quotes)


def words(result: Mapping[str, Any], contract: str, quotes: Sequence[Mapping[str, str]] = ()) -> str:
    """A result as a sentence: its quotes, else a single value, else all of them by name after the contract's.

    What only says where a quote stands is left out: whoever shows the quote shows that.
    """
    result = _with_sums(result)
    said = [quote["text"] for quote in quotes]
    sources = [quote["document"] for quote in quotes]
    values = {
        name: _word(value)
        for name, value in result.items()
        if value not in (None, "", [], {}, *said) and not any(source in str(value) for source in sources)
    }
    if said:
        return " ".join([*said, *([f"({_named(values)})"] if values else [])])
    if len(values) == 1:
        return next(iter(values.values()))
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", contract).capitalize()
    return f"{kind}: {_named(values)}." if kind else _named(values)


def _with_sums(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result in which an amount and the currency behind it are one value: "3,160 INR"."""
    found: dict[str, Any] = {}
    for name, value in result.items():
        before = next(reversed(found), None)
        if name == "currency" and before is not None and _CURRENCY.fullmatch(str(value)):
            amount = str(found[before])
            if not isinstance(found[before], bool) and _AMOUNT.fullmatch(amount):
                whole, _, rest = amount.partition(".")
                found[before] = f"{int(whole):,}{'.' if rest else ''}{rest} {value}"
                continue
        found[name] = value
    return found


def _named(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        sums = _with_sums(value)
        if value.keys() == {"amount", "currency"} and len(sums) == 1:
            return str(sums["amount"])
        return _named({name: _word(inner) for name, inner in sums.items() if inner is not None})
    if isinstance(value, list):
        return ", ".join(map(_word, value))
    return str(value)


def _passages(steps: Sequence[StepRow]) -> list[Mapping[str, Any]]:
    """What the record found, each passage once."""
    found: dict[str, Mapping[str, Any]] = {}
    for step in steps:
        for passage in step.passages:
            found.setdefault(passage["id"], passage)
    return list(found.values())


def _quotes(result: Mapping[str, Any], passages: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """The texts of a result that stand word for word in a passage, and where."""
    plain = [(passage, _plain(passage["text"])) for passage in passages]
    for text in _texts(result):
        if len(text) < LEAST_QUOTE:
            continue
        for passage, content in plain:
            if _plain(text) in content:
                yield {
                    "text": text,
                    "passage": passage["id"],
                    "document": passage["document"],
                    "heading": passage["heading"],
                }
                break


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _plain(text: str) -> str:
    return " ".join(normalise(text).split())
