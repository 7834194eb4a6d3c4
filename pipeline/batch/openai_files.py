"""OpenAI's batch files: output.jsonl and errors.jsonl of a folder of results, and its request counts.

A reading of results.jsonl and of the lines that were refused, made anew at every start and end of a run; in between
output.jsonl grows as rows finish. Knows OpenAI's form of a line; serves nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.batch.requests import BadLine
from pipeline.files import as_line, replacing
from pipeline.runtime.folder import Folder

OUTPUT = "output.jsonl"


@dataclass(frozen=True)
class RequestCounts:
    """As OpenAI counts a batch, and how long a row took: seconds at the median and at the 95th of a hundred."""

    total: int
    completed: int
    failed: int
    seconds_p50: float
    seconds_p95: float

    def row(self) -> dict[str, Any]:
        """Ready for JSON."""
        counts = {"total": self.total, "completed": self.completed, "failed": self.failed}
        return {"request_counts": counts, "row_seconds": {"p50": self.seconds_p50, "p95": self.seconds_p95}}


@dataclass(frozen=True)
class Form:
    """How lines of the two files are made: of an answer, of a record without one, and of a line that was refused."""

    answered: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    unanswered: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    refused: Callable[[BadLine], Mapping[str, Any]]


def write_files(out: Path, bad: Iterable[BadLine], form: Form | None = None) -> RequestCounts:
    """Bring both files in line with results.jsonl and the lines that were refused; by default in OpenAI's form."""
    form = form or OPENAI
    folder = Folder(out)
    completed = failed = 0
    seconds = array("d")
    with replacing(out / OUTPUT) as output, replacing(folder.errors) as errors:
        for line in bad:
            failed += 1
            errors.write(_text(form.refused(line)))
        for row in _rows(folder.results):
            seconds.append(row["receipt"]["seconds"])
            if row["status"] == "completed":
                completed += 1
                output.write(_text(form.answered(row)))
            else:
                failed += 1
                errors.write(_text(form.unanswered(row)))
    ordered = sorted(seconds)
    middle, late = (ordered[int(len(ordered) * share)] if ordered else 0.0 for share in (0.5, 0.95))
    return RequestCounts(completed + failed, completed, failed, round(middle, 4), round(late, 4))


def answered(row: Mapping[str, Any]) -> dict[str, Any]:
    """The line of output.jsonl of a line of results.jsonl."""
    response = {"status_code": 200, "request_id": _id("req", row["custom_id"]), "body": row["result"]}
    return {
        "id": _id("batch_req", row["custom_id"]),
        "custom_id": row["custom_id"],
        "response": response,
        "error": None,
    }


def unanswered(row: Mapping[str, Any]) -> dict[str, Any]:
    """The line of errors.jsonl of a line of results.jsonl that holds no answer."""
    return _error(row["custom_id"], _why(row), {})


def refused(line: BadLine) -> dict[str, Any]:
    """The line of errors.jsonl of an input line that was refused."""
    told = asdict(line)
    return _error(line.id, line.reason, {name: told[name] for name in ("line", "file") if told[name] is not None})


def table_answered(row: Mapping[str, Any]) -> dict[str, Any]:
    """The line of output.jsonl of a table's row: its id, the columns that are kept, and the answer's fields."""
    return {"id": row["custom_id"], **row["result"]}


def table_unanswered(row: Mapping[str, Any]) -> dict[str, Any]:
    """The line of errors.jsonl of a table's row that has no answer."""
    return {"id": row["custom_id"], "reason": _why(row)}


def table_refused(line: BadLine) -> dict[str, Any]:
    """The line of errors.jsonl of a row that was refused; `row` counts from 1."""
    file = {} if line.file is None else {"file": line.file}
    return {"id": line.id, **file, "row": line.line, "reason": line.reason}


OPENAI = Form(answered, unanswered, refused)
TABLE = Form(table_answered, table_unanswered, table_refused)


def _why(row: Mapping[str, Any]) -> str:
    escalated = row["escalation"]["reason"] if row["escalation"] else None
    return str(row["error"] or escalated or "There is no answer.")


def _error(id: str | None, message: str, where: Mapping[str, Any]) -> dict[str, Any]:
    named = re.match(r'"([^"]+)"', message)
    error = {
        "message": message,
        "type": "invalid_request_error",
        "param": named[1] if named else None,
        "code": "refused" if where else "failed",
        **where,
    }
    response = {"status_code": 400, "request_id": _id("req", id or str(where)), "body": {"error": error}}
    return {"id": _id("batch_req", id or str(where)), "custom_id": id, "response": response, "error": None}


def _rows(results: Path) -> Iterator[dict[str, Any]]:
    if results.is_file():
        with results.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


def _text(row: Mapping[str, Any]) -> str:
    return as_line(row) + "\n"


def _id(kind: str, of: str) -> str:
    return f"{kind}_{hashlib.sha256(of.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"
