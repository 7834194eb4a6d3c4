"""Rows: what a journal holds of a step, an action, an open question and one record, and the digests that recognise a
step again. Knows no database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic_core import to_jsonable_python

RETRIEVE = "retrieve"
"""The name of every step that searches for passages."""


@dataclass(frozen=True)
class StepRow:
    """What was called, where in the workflow, and what came of it.

    `position` says where: "3" is the third step of the workflow itself, "2.1" the first step of the second task that
    the workflow started (asyncio.gather). `occurrence` counts equal calls (same name and digest) before this one.
    `result` is JSON, or None when `error` (JSON: kind, message) says why there is none. `started` is Unix time.
    """

    position: str
    name: str
    digest: str
    occurrence: int
    result: str | None
    error: str | None = None
    attempt: int = 1
    prompt_tokens: int = 0
    completion_tokens: int = 0
    started: float = 0.0
    seconds: float = 0.0
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_retrieval(self) -> bool:
        """Whether it searched for passages."""
        return self.name == RETRIEVE

    @property
    def is_try(self) -> bool:
        """Whether it is a model's answer on a rung of the recovery ladder."""
        return "rung" in self.detail

    @property
    def passages(self) -> list[dict[str, Any]]:
        """What it found, as JSON objects; nothing if it is no retrieval, or one that raised."""
        return json.loads(self.result) if self.is_retrieval and self.result is not None else []

    def try_row(self) -> dict[str, Any]:
        """A try, ready for JSON: what for, on which rung, what the model wrote and what was wrong with that."""
        said = json.loads(self.result or "{}")
        tried = {"contract": self.detail["contract"], "rung": self.detail["rung"]}
        return {**tried, "text": said.get("text"), "error": said.get("error")}


@dataclass(frozen=True)
class ActionRow:
    """One line of the ledger. `arguments` and `result` are JSON, times are Unix time.

    `approval` is the digest of the arguments that a person approved, if one did.
    """

    key: str
    record: str
    name: str
    digest: str
    occurrence: int
    arguments: str
    state: Literal["reserved", "committed", "refused"] = "reserved"
    result: str | None = None
    intent: str = ""
    approval: str | None = None
    reserved: float = 0.0
    committed: float | None = None

    def row(self) -> dict[str, Any]:
        """For whoever takes the record over, ready for JSON."""
        return {"action": self.name, "arguments": json.loads(self.arguments), "state": self.state}


@dataclass(frozen=True)
class Waiting:
    """A record's open question; `contract` and `field` say how an answer is read.

    `role`: who has to approve `action` with `arguments` (JSON), where it is not the customer who is asked.
    """

    record: str
    field: str | None
    text: str
    choices: tuple[str, ...] | None
    contract: str | None
    schema: Mapping[str, Any]
    role: str | None = None
    action: str | None = None
    arguments: str | None = None


@dataclass(frozen=True)
class Approved:
    """Who approved an action, or did not, and when (Unix time); `digest` is of its arguments."""

    record: str
    action: str
    digest: str
    role: str
    answer: str
    by: str
    answered: float


@dataclass(frozen=True)
class Past:
    """What the journal holds of one record when work on it goes on.

    `told`: the texts of updates that were told, `retries` how often the record was opened again after it had ended.
    `answers`: what a person answered, by the position and the digest of the asking step.
    """

    today: date
    steps: Mapping[str, StepRow]
    actions: Mapping[str, ActionRow]
    told: Sequence[str] = ()
    retries: int = 0
    answers: Mapping[tuple[str, str], str] = field(default_factory=dict)


def digest(arguments: object, state: Path | None = None) -> str:
    """First 32 hexadecimal digits of the SHA-256 over the arguments as JSON, keys sorted.

    Anything pydantic can turn into JSON may be an argument, but no sets: their order changes from process to process.
    Paths inside `state` count relative to it, so that a folder of results may be moved.
    """
    return hashlib.sha256(canonical(arguments, state).encode()).hexdigest()[:32]


def canonical(arguments: object, state: Path | None = None) -> str:
    """The arguments as JSON with sorted keys; TypeError for what is not data."""
    if state is not None and isinstance(arguments, tuple | list):
        arguments = [_relative(argument, state) for argument in arguments]
    return _encode(to_jsonable_python(arguments))


_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


def _relative(argument: object, state: Path) -> object:
    if isinstance(argument, Path) and argument.is_relative_to(state):
        return f"state:{argument.relative_to(state).as_posix()}"
    return argument
