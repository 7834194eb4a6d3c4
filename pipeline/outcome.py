"""Outcome: how one record ended, as it stands in results.jsonl. Knows no journal and no engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pipeline.receipt import Receipt

Status = Literal["completed", "needs_input", "escalated", "failed"]
STATUSES: tuple[Status, ...] = ("completed", "needs_input", "escalated", "failed")


@dataclass(frozen=True)
class Question:
    """What a person is asked. `field` is the contract's field the answer is for, `choices` the only answers, if any.

    `contract` names the class that has the field; `schema` is the JSON schema of an answer.
    """

    field: str | None
    text: str
    choices: tuple[str, ...] | None = None
    contract: str | None = dataclasses.field(default=None, compare=False)
    schema: Mapping[str, Any] | None = dataclasses.field(default=None, compare=False)

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
class Outcome:
    """One record's status and what goes with it.

    `result` is the contract's public dump and `contract` its class name; `message` is the text of an ending in words
    (a workflow that returned a str, a polite refusal); `error` is the one-sentence reason of a failure.
    """

    custom_id: str
    status: Status
    intent: str | None
    receipt: Receipt
    result: Mapping[str, Any] | None = None
    contract: str | None = None
    message: str | None = None
    question: Question | None = None
    escalation: Escalation | None = None
    error: str | None = None

    def row(self) -> dict[str, Any]:
        """The line of results.jsonl, ready for JSON."""
        return {
            "custom_id": self.custom_id,
            "status": self.status,
            "intent": self.intent,
            "result": self.result,
            "contract": self.contract,
            "message": self.message,
            "question": None if self.question is None else self.question.row(),
            "escalation": None if self.escalation is None else asdict(self.escalation),
            "error": self.error,
            "receipt": self.receipt.row(),
        }
