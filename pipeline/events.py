"""Events: what happens to a record, told while it happens. Knows no listener.

Events that a later reader needs are also kept in the journal: of a batch all but StepStarted and StepFinished, which
the steps table tells better; of a conversation all that its people see, so that each has a number there. None carries a
scratchpad, a prompt, or more of a passage than an answer quotes: they may be shown to anybody who may see the
conversation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, Literal

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
class Progress:
    """A short update for whoever waits: "Searching flights…". Journals and streams call it Said."""

    kept_as: ClassVar[str] = "Said"

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


@dataclass(frozen=True)
class MessageReceived:
    """A person at the customer's end wrote; `record` is the request that it begins or goes on with.

    `key`: the sender's name for this message, under which it is received once.
    """

    record: str
    role: Literal["customer"]
    text: str
    key: str | None = None


@dataclass(frozen=True)
class Answered:
    """A request was served: `text` says it in words, `result` is the public dump of the contract, if it is one.

    `quotes`: what of it stands word for word in a passage, each {"text", "passage", "document", "heading"}.
    """

    record: str
    text: str
    result: Mapping[str, Any] | None = None
    contract: str | None = None
    quotes: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True)
class Escalated:
    """A person has to take over; `to` names a desk, `reason` is one sentence."""

    record: str
    to: str
    reason: str


@dataclass(frozen=True)
class Failed:
    """The request could not be served; `text` is for the customer and gives nothing of the inside away."""

    record: str
    text: str


@dataclass(frozen=True)
class OperatorJoined:
    """An operator has taken an escalation: what the customer writes now goes to a person."""

    record: str
    by: str


@dataclass(frozen=True)
class OperatorSaid:
    """An operator answered into the conversation."""

    record: str
    by: str
    text: str


@dataclass(frozen=True)
class OperatorLeft:
    """An operator has closed an escalation: what the customer writes now is a new request."""

    record: str
    by: str


@dataclass(frozen=True)
class TurnFinished:
    """All that a message set off has been told; `status` is its record's."""

    record: str
    status: Status


Event = (
    RecordStarted
    | Routed
    | StepStarted
    | StepFinished
    | Progress
    | Asked
    | ActionCommitted
    | RecordFinished
    | MessageReceived
    | Answered
    | Escalated
    | Failed
    | OperatorJoined
    | OperatorSaid
    | OperatorLeft
    | TurnFinished
)
Listener = Callable[[Event], None]


def _name(kind: type[Any]) -> str:
    """A kind's name in journals and streams: its class's, unless the class was renamed since."""
    return str(getattr(kind, "kept_as", kind.__name__))


EVENTS: Mapping[str, type[Any]] = {_name(kind): kind for kind in Event.__args__}
"""Every kind of event by its name."""
_NAMES: Mapping[type[Any], str] = {kind: name for name, kind in EVENTS.items()}


@dataclass(frozen=True)
class Numbered:
    """An event as the journal holds it: `id` increases over all events of a journal, `at` is Unix time."""

    id: int
    at: float
    event: Event

    @property
    def name(self) -> str:
        """As a stream names it: "message_received"."""
        return event_name(_NAMES[type(self.event)])

    def row(self) -> dict[str, Any]:
        """Ready for JSON: id, at, the kind under "event", and the event's own values."""
        return {"id": self.id, "at": self.at, **event_row(self.event)}


def event_row(event: Event) -> dict[str, Any]:
    """The event as a dict ready for JSON, its kind under "event"."""
    values = vars(event)
    if isinstance(event, Asked):
        asked = event.question
        extra = {"contract": asked.contract, "schema": asked.answer_schema}
        values = {"record": event.record, "question": {**asked.row(), **extra}}
    return {"event": _NAMES[type(event)], **values}


def restore_event(record: str, body: Mapping[str, Any]) -> Event:
    """The event of which `body` is the row without its record; what it holds beyond the class's fields is dropped."""
    kind = EVENTS[body["event"]]
    values = {field.name: body[field.name] for field in fields(kind) if field.name in body}
    if kind is Asked:
        asked = dict(values["question"])
        choices = asked.pop("choices", None)
        values["question"] = Question(**asked, choices=None if choices is None else tuple(choices))
    event: Event = kind(**{**values, "record": record})
    return event


@cache
def event_name(kind: str) -> str:
    """The name of a kind of event in small letters, its words joined by underscores."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).lower()
