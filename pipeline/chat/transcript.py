"""Transcript: one conversation as its people see it, a reading of its events. Knows no database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pipeline.events import Answered, Asked, Escalated, Event, Failed, MessageReceived, Numbered, OperatorSaid
from pipeline.journal.rows import Waiting
from pipeline.record import Turn

SPOKEN = tuple(kind.__name__ for kind in (MessageReceived, Answered, Asked, Escalated, Failed, OperatorSaid))
"""The events of which each is a turn."""

REMEMBERED = 4_000
"""Characters of earlier turns, the latest first, that a new request of a conversation sees."""

State = Literal["open", "busy", "asking", "approving", "escalated"]
"""Open for a request; working on one; waiting for an answer; for somebody's approval; with an operator, who gets what
the customer writes."""


@dataclass(frozen=True)
class Spoken:
    """One turn: who said what, when (Unix time), in which record. `by` names the operator; `result` as in Answered."""

    role: Literal["customer", "assistant", "operator"]
    text: str
    at: float
    record: str
    quotes: Sequence[Mapping[str, str]] = ()
    by: str = ""
    result: Mapping[str, Any] | None = None
    contract: str | None = None


@dataclass(frozen=True)
class Handed:
    """A record that was handed over to a person. `state`: open, taken (by an operator) or closed; `at` is Unix time."""

    record: str
    conversation: str | None
    to: str
    reason: str
    intent: str | None
    state: Literal["open", "taken", "closed"]
    by: str
    at: float

    def row(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Transcript:
    """`question` is the one that waits for an answer; `last_event` the number up to which this is the whole story."""

    id: str
    owner: str
    state: State
    turns: Sequence[Spoken]
    question: Waiting | None
    escalation: Handed | None
    last_event: int

    def row(self) -> dict[str, Any]:
        """Ready for JSON, without the owner."""
        row = asdict(self)
        del row["owner"]
        for name in ("role", "action", "arguments") if row["question"] is not None else ():
            del row["question"][name]  # of an approval, which is never put to the customer
        return row


def turns(events: Iterable[Numbered]) -> list[Spoken]:
    """What was said, in order."""
    spoken = []
    for numbered in events:
        turn = _turn(numbered.at, numbered.event)
        if turn is not None:
            spoken.append(turn)
    return spoken


def remembered(spoken: Sequence[Spoken]) -> list[Turn]:
    """The latest turns as a new request sees them, from the earliest that fits."""
    kept: list[Turn] = []
    left = REMEMBERED
    for turn in reversed(spoken):
        left -= len(turn.text)
        if left < 0:
            break
        if turn.text:
            kept.append(Turn("customer" if turn.role == "customer" else "assistant", turn.text, earlier=True))
    return kept[::-1]


def _turn(at: float, event: Event) -> Spoken | None:
    match event:
        case MessageReceived(record, _, text):
            return Spoken("customer", text, at, record)
        case Answered(record, text):
            return Spoken("assistant", text, at, record, event.quotes, result=event.result, contract=event.contract)
        case Asked(record, question):
            return Spoken("assistant", question.text, at, record)
        case Escalated(record, _, reason):
            return Spoken("assistant", f"A person will take over. {reason}", at, record)
        case Failed(record, text):
            return Spoken("assistant", text, at, record)
        case OperatorSaid(record, by, text):
            return Spoken("operator", text, at, record, by=by)
        case _:
            return None
