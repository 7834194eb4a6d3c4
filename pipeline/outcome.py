"""Outcome: how one record ended and how that was obtained, as it stands in results.jsonl. Knows no journal and no
engine.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["completed", "needs_input", "escalated", "failed"]
STATUSES: tuple[Status, ...] = ("completed", "needs_input", "escalated", "failed")


@dataclass(frozen=True)
class Approval:
    """What somebody of a role has to agree to: an action with these arguments (JSON), which have this digest."""

    role: str
    action: str
    arguments: str
    digest: str


@dataclass(frozen=True)
class Question:
    """What a person is asked. `field` is the contract's field the answer is for, `choices` the only answers, if any.

    `contract` names the class that has the field; `schema` is the JSON schema of an answer. `approval`: it is not the
    customer who is asked.
    """

    field: str | None
    text: str
    choices: tuple[str, ...] | None = None
    contract: str | None = dataclasses.field(default=None, compare=False)
    schema: Mapping[str, Any] | None = dataclasses.field(default=None, compare=False)
    approval: Approval | None = dataclasses.field(default=None, compare=False)

    def row(self) -> dict[str, Any]:
        """As it stands in results.jsonl."""
        return {"field": self.field, "text": self.text, "choices": self.choices}

    @property
    def answer_schema(self) -> Mapping[str, Any]:
        """The JSON schema of an answer: what its field says, else one of the choices, else any text."""
        if self.schema is not None:
            return self.schema
        return {"type": "string"} if self.choices is None else {"enum": list(self.choices)}


@dataclass(unsafe_hash=True)
class Escalation(BaseException):
    """A person takes over. Returned or raised by a workflow; `to` names a desk, `reason` is one sentence.

    A BaseException, so that no `except Exception` of a workflow swallows it; not frozen, because raising an exception
    writes its traceback.
    """

    to: str
    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True)
class Receipt:
    """Of one record. `tokens` counts prompt and completion tokens of every attempt; `seconds` is time spent in steps.

    `attempts` is the number of model calls; `recovered` names the rungs of the recovery ladder that were taken.
    `enforcement` is "grammar" or "prompted", `canary` what the proof of it said when the engine was opened.
    `contracts`: to their hashes; of a choice, to its options. `checked`: those whose level is checked, to what of them
    no grammar enforces.
    `gate`: the last decision; `routed`: all of them, in order, if there was more than one (several parts, a wrong one).
    `shortened`: contract to characters of its scratchpad, where the prompt left no room for more. `closed`: contract to
    the field that was being written when room was left for the shortest ending only; told where it happened.
    `own_seconds`: of `seconds`, without those in which the engine served others, where it tells.
    `mass`: the least probability that a grammar left the model at a choice; None where the engine does not tell.
    `full`: free texts that ended because they were as long as they may be, as "Contract.field".
    `unserved`: as in Outcome. `dtype`: what the model computed in, where the engine tells. `unsaid`: fields in the
    customer's own words that stayed empty since the model, asked for each, hardly thought of what was said, and those
    of yes or no that are null since it was sure of neither.
    `unread`: words that such a model took for a field that needs no value, and that cannot be read as one.
    """

    model: str
    identity: str
    enforcement: str
    canary: str
    gate: Mapping[str, Any] | None
    routed: Sequence[Mapping[str, Any]]
    contracts: Mapping[str, str]
    checked: Mapping[str, Sequence[str]]
    shortened: Mapping[str, int]
    finish_reasons: Sequence[str]
    attempts: int
    recovered: Sequence[str]
    tokens: Mapping[str, int]
    seconds: float
    evidence: Sequence[str]
    index: str | None
    closed: Mapping[str, str] = field(default_factory=dict)
    own_seconds: float | None = None
    mass: float | None = None
    full: Sequence[str] = ()
    unserved: Sequence[str] = ()
    dtype: str = ""
    unsaid: Sequence[str] = ()
    unread: Mapping[str, str] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """Ready for JSON. What an engine does not tell is left out, and what is checked after where nothing is."""
        told = {name: value for name in _TOLD if (value := getattr(self, name)) or value == 0}  # 0.0 is told
        return {name: value for name, value in vars(self).items() if name not in _SELDOM} | told


_TOLD = ("checked", "own_seconds", "mass", "full", "closed", "unserved", "dtype", "unsaid", "unread")
_SELDOM = frozenset(_TOLD)


@dataclass(frozen=True)
class Ending:
    """How a request ended. `result` is the contract's public dump and `contract` its class name.

    `message` is the text of an ending in words (a workflow that returned a str, a polite refusal); `error` is the
    one-sentence reason of a failure.
    """

    status: Status
    result: Mapping[str, Any] | None = None
    contract: str | None = None
    message: str | None = None
    question: Question | None = None
    escalation: Escalation | None = None
    error: str | None = None

    def row(self) -> dict[str, Any]:
        """All but the status, ready for JSON."""
        return {
            "result": self.result,
            "contract": self.contract,
            "message": self.message,
            "question": None if self.question is None else self.question.row(),
            "escalation": None if self.escalation is None else asdict(self.escalation),
            "error": self.error,
        }


@dataclass(frozen=True)
class Part:
    """One of several intents of a message: the customer's own words for it, and how it ended.

    None: it is pending, and begun when the parts before it have ended.
    """

    text: str
    intent: str | None
    ending: Ending | None

    @property
    def status(self) -> Status | Literal["pending"]:
        """That of its ending."""
        return "pending" if self.ending is None else self.ending.status

    def row(self) -> dict[str, Any]:
        """Ready for JSON."""
        row = {"text": self.text, "intent": self.intent, "status": self.status}
        return row | (dict.fromkeys(_ENDED) if self.ending is None else self.ending.row())


_ENDED = tuple(field.name for field in dataclasses.fields(Ending) if field.name != "status")


def decisive(parts: Sequence[Part]) -> Ending:
    """The ending that decides a record's: one that waits, else failed, else with a person, else the first."""
    order = ("needs_input", "failed", "escalated", "completed")
    return min((part.ending for part in parts if part.ending is not None), key=lambda end: order.index(end.status))


@dataclass(frozen=True)
class Outcome:
    """How one record ended, and how that was obtained.

    `parts`, if one message held several intents, in the order in which they are served; `intent` is then the first
    one's, and `ending` that of the part which decides (`decisive`). `unserved`: what was asked for besides, in the
    customer's words, and was not dealt with; known once the record waits for nobody.
    """

    custom_id: str
    intent: str | None
    ending: Ending
    receipt: Receipt
    parts: tuple[Part, ...] = ()
    unserved: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """That of its ending."""
        return self.ending.status

    def row(self) -> dict[str, Any]:
        """The line of results.jsonl, ready for JSON."""
        row = {"custom_id": self.custom_id, "status": self.status, "intent": self.intent} | self.ending.row()
        if self.parts:
            row["parts"] = [part.row() for part in self.parts]
        if self.unserved:
            row["unserved"] = list(self.unserved)
        return row | {"receipt": self.receipt.row()}
