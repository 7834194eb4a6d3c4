"""Events: what happens to a record, told while it happens. Knows no listener.

Events that a later reader needs (all but StepStarted and StepFinished, which the steps table tells better) are also
kept in the journal. None carries a scratchpad, a prompt or a passage: they may be shown to anybody who may see the
conversation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.outcome import Question, Status


@dataclass(frozen=True)
class RecordStarted:
    """Work on a record began, or goes on (`resumed`)."""

    record: str
    resumed: bool = False


@dataclass(frozen=True)
class Routed:
    """The gate decided; `intent` is None for a close call or a request out of scope."""

    record: str
    kind: str
    intent: str | None


@dataclass(frozen=True)
class StepStarted:
    """A step runs for the first time. Steps that the journal answers are silent."""

    record: str
    position: str
    name: str


@dataclass(frozen=True)
class StepFinished:
    """A step's result, or its error, is in the journal."""

    record: str
    position: str
    name: str
    seconds: float
    failed: bool = False


@dataclass(frozen=True)
class Said:
    """A short update for whoever waits: "Searching flights…"."""

    record: str
    text: str


@dataclass(frozen=True)
class Asked:
    """The record waits for an answer."""

    record: str
    question: Question


@dataclass(frozen=True)
class ActionCommitted:
    """A side effect happened, once; `key` is its idempotency key."""

    record: str
    action: str
    key: str


@dataclass(frozen=True)
class RecordFinished:
    """The record has a status."""

    record: str
    status: Status
    intent: str | None


Event = RecordStarted | Routed | StepStarted | StepFinished | Said | Asked | ActionCommitted | RecordFinished
Listener = Callable[[Event], None]


def event_row(event: Event) -> dict[str, Any]:
    """The event as a dict ready for JSON, its class name under "event"."""
    values = {"record": event.record, "question": event.question.row()} if isinstance(event, Asked) else vars(event)
    return {"event": type(event).__name__, **values}
