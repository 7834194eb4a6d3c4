"""Results: what a step returned or raised, as JSON and back.

Knows results, their annotations and the errors of a step; neither the journal that keeps them nor the step itself.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from pipeline.errors import Dropped, Refused, ReplayMismatch, StepFailed, UsageError
from pipeline.journal.rows import StepRow
from pipeline.outcome import Escalation


def dump(name: str, value: object, adapter: TypeAdapter[Any]) -> str:
    """A result as JSON. UsageError if it does not fit its annotation."""
    try:
        return adapter.dump_json(value, warnings="error").decode()
    except (PydanticSerializationError, UnicodeError) as error:
        raise UsageError(
            f"'{name}' returned {type(value).__name__}, which is not what its annotation says"
            f" ({str(error).splitlines()[0]}): correct one of them."
        ) from error


def restore(record: str, row: StepRow, adapter: TypeAdapter[Any], today: date) -> Any:
    """The result that an entry of a record holds. Raises what the step raised; ReplayMismatch if it reads no longer."""
    if row.error is not None:
        raise failure(row)
    try:
        return adapter.validate_json(row.result or "null", context={"today": today})
    except ValueError as error:
        raise ReplayMismatch(
            record, row.position, row.name, row.name, "its result no longer reads as its annotation says"
        ) from error


def error_of(raised: BaseException) -> str:
    """What a step raised, as JSON."""
    if isinstance(raised, Escalation):
        return json.dumps({"kind": "Escalation", "to": raised.to, "message": raised.reason})
    if isinstance(raised, StepFailed):
        return json.dumps({"kind": raised.kind, "message": raised.message})
    return json.dumps({"kind": type(raised).__name__, "message": str(raised)})


def failure(row: StepRow) -> BaseException:
    """What to raise for an entry that holds an error: what it was if that was no error, or Refused; else StepFailed."""
    error: dict[str, str] = json.loads(row.error or "{}")
    if error["kind"] == "Escalation":
        return Escalation(error["to"], error["message"])
    if error["kind"] == "Refused":
        return Refused(error["message"], row.name)
    if error["kind"] == "Dropped":
        return Dropped(error["message"])
    return StepFailed(row.name, error["kind"], error["message"])
