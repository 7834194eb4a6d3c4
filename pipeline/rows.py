"""Rows: what a journal holds of an action, of an open question, and of one record. Knows no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from pipeline.step import StepRow


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


@dataclass(frozen=True)
class Waiting:
    """A record's open question; `contract` and `field` say how an answer is read."""

    record: str
    field: str | None
    text: str
    choices: tuple[str, ...] | None
    contract: str | None
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Past:
    """What the journal holds of one record when work on it goes on.

    `said` counts updates already told, `retries` how often the record was opened again after it had ended.
    """

    today: date
    steps: Mapping[str, StepRow]
    actions: Mapping[str, ActionRow]
    said: int = 0
    retries: int = 0
