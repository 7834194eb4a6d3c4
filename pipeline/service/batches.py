"""Batches: OpenAI's batch API over the queue of runs: a file of requests in, files of answers out.

Knows the form of a batch, and how a run of one is served: by the engine itself, on a journal like any other's.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.batch.openai_files import OUTPUT, write_files
from pipeline.batch.requests import Read, Requests
from pipeline.completions.options import BATCHES, OPTIONS, refuse_others
from pipeline.completions.trial import Trial
from pipeline.errors import JournalError
from pipeline.record import BadRecord, Record
from pipeline.runtime.equipment import Equipment
from pipeline.runtime.folder import Folder
from pipeline.runtime.launch import Launch
from pipeline.service.errors import ApiError, named
from pipeline.service.file_store import FileStore, link
from pipeline.service.run_kind import Note, RunKind
from pipeline.service.run_queue import RunQueue
from pipeline.workflows import completions

KIND = "batch"
WINDOW = re.compile(r"([1-9][0-9]{0,2})h")
MOST_HOURS = 720
MOST_PAIRS, LONGEST_KEY, LONGEST_VALUE = 16, 64, 512
"""Of a batch's metadata, as OpenAI has it."""
_STATUSES = {
    **{"finished": "completed", "stopped": "failed", "deleting": "cancelling"},
    **dict.fromkeys(("running", "pausing", "paused"), "in_progress"),
}


def kind_of(equipment: Equipment, launch: Launch, files: FileStore, trial: Trial) -> RunKind:
    """How runs of batches are served: by the engine and the encoder of the service, nothing else of it. Formats are
    read after a trial.
    """

    def ended(note: Note, requests: Requests, out: Path) -> Mapping[str, Any]:
        out.mkdir(parents=True, exist_ok=True)
        counts = write_files(out, requests.bad_lines()).row()["request_counts"]
        made: dict[str, Any] = {"counts": {**counts, "total": note["records"] + note["errors"]}}
        for name, path in (("output", out / OUTPUT), ("error", Folder(out).errors)):
            if path.stat().st_size:
                made[f"{name}_file_id"] = files.add_result(note["id"], note["by"], f"{note['id']}_{name}.jsonl", path)
        return made

    return RunKind(
        completions.app,
        replace(equipment, second=None, retriever=None),
        Launch(
            app=completions.__name__,
            model=launch.model,
            enforcement=launch.enforcement,
            thinking=launch.thinking,
            seed=launch.seed,
        ),
        lambda note: _reads(note["endpoint"], trial),
        ended,
    )


class Batches:
    """Those of a queue that serves `kind_of` as "batch"."""

    def __init__(self, runs: RunQueue, files: FileStore) -> None:
        self._runs = runs
        self._files = files

    async def create(self, body: object, by: str) -> dict[str, Any]:
        """A new batch, put last, as a note. ApiError, with the option's name, for what cannot be obeyed.

        The file is looked for by the route, which knows who may see it.
        """
        if not isinstance(body, dict):
            raise _refused("The body is no JSON object.")
        try:
            refuse_others(BATCHES, body)
        except BadRecord as error:
            raise _refused(str(error)) from None
        endpoint, window, metadata = (body.get(name) for name in ("endpoint", "completion_window", "metadata"))
        if not isinstance(endpoint, str) or endpoint not in OPTIONS:
            raise _refused(f'"endpoint" may be {", ".join(OPTIONS)}.')
        hours = WINDOW.fullmatch(window) if isinstance(window, str) else None
        if hours is None or int(hours[1]) > MOST_HOURS:
            raise _refused(f'"completion_window" may be a number of hours up to "{MOST_HOURS}h".', "completion_window")
        _check_metadata(metadata)
        source = self._files.content(str(body.get("input_file_id")))
        id, path = self._runs.new(by, f"batch_{secrets.token_hex(16)}")
        try:
            link(source, path)
        except BaseException:
            path.parent.rmdir()
            raise
        more = {
            "kind": KIND,
            "endpoint": endpoint,
            "input_file_id": body["input_file_id"],
            "completion_window": window,
            "expires": time.time() + 3600 * int(hours[1]),
            "metadata": metadata,
        }
        try:
            return await self._runs.submit(id, by, more)
        except ApiError as error:
            raise _refused(error.message, "input_file_id") from None

    async def cancel(self, id: str) -> dict[str, Any]:
        """Begin no further line of a batch. ApiError for one that has ended otherwise. KeyError."""
        note = self.one(id)
        if note["state"] in ("finished", "stopped", "expired"):
            status = _STATUSES.get(note["state"], note["state"])
            raise ApiError(409, "conflict", f"The batch is {status}: there is nothing left to cancel.")
        await self._runs.cancel(id)
        return self.one(id)

    def one(self, id: str) -> dict[str, Any]:
        """A batch as a note. KeyError."""
        note = self._runs.one(id)
        if note.get("kind") != KIND:
            raise KeyError(id)
        return note

    def all(self) -> list[dict[str, Any]]:
        """The batches, newest first."""
        return [note for note in self._runs.all() if note.get("kind") == KIND]

    def row(self, note: Note) -> dict[str, Any]:
        """A batch as OpenAI's API has it."""
        state = note["state"]
        status = _STATUSES.get(state, state)
        if state == "waiting":
            status = "in_progress" if note.get("begun") else "validating"
        at = {"finished": "completed_at", "stopped": "failed_at", "expired": "expired_at", "cancelled": "cancelled_at"}
        times = dict.fromkeys(("finalizing_at", *at.values()))
        if state in at:
            times[at[state]] = times["finalizing_at"] = _seconds(note["ended"])
        errors = [{"code": "failed", "message": note["error"], "param": None, "line": None}]
        return {
            "id": note["id"],
            "object": "batch",
            "endpoint": note["endpoint"],
            "errors": {"object": "list", "data": errors} if state == "stopped" else None,
            "input_file_id": note["input_file_id"],
            "completion_window": note["completion_window"],
            "status": status,
            "output_file_id": note.get("output_file_id"),
            "error_file_id": note.get("error_file_id"),
            "created_at": _seconds(note["created"]),
            "in_progress_at": _seconds(note.get("begun")),
            "expires_at": _seconds(note["expires"]),
            "cancelling_at": _seconds(note.get("cancelling")),
            **times,
            "request_counts": self._counts(note),
            "metadata": note["metadata"],
        }

    def _counts(self, note: Note) -> dict[str, int]:
        if "counts" in note:
            counts: dict[str, int] = note["counts"]
            return counts
        if "statuses" not in note:
            try:
                note = self._runs.one(note["id"])
            except (KeyError, JournalError):
                note = {**note, "statuses": {}}
        statuses = note["statuses"]
        failed = sum(statuses.get(status, 0) for status in ("failed", "escalated", "needs_input"))
        return {
            "total": note["records"] + note["errors"],
            "completed": statuses.get("completed", 0),
            "failed": note["errors"] + failed,
        }


def _reads(endpoint: str, trial: Trial) -> Read:
    """How a line of a batch for an endpoint is read."""
    tried = trial.before(completions.app.read)

    def read(line: object) -> Record:
        if isinstance(line, dict) and line.get("url", endpoint) != endpoint:
            id = line.get("custom_id")
            raise BadRecord(f'"url" is not {endpoint}, for which the batch is.', id if isinstance(id, str) else None)
        return tried(line)

    return read


def _check_metadata(value: object) -> None:
    if value is None:
        return
    pairs = value.items() if isinstance(value, dict) else ()
    fits = isinstance(value, dict) and len(value) <= MOST_PAIRS
    if not fits or not all(
        len(key) <= LONGEST_KEY and isinstance(one, str) and len(one) <= LONGEST_VALUE for key, one in pairs
    ):
        raise _refused(
            f'"metadata" may have {MOST_PAIRS} names of up to {LONGEST_KEY} characters, each with a text of up to'
            f" {LONGEST_VALUE}.",
            "metadata",
        )


def _refused(message: str, param: str | None = None) -> ApiError:
    return ApiError(400, "invalid_request", message, param=param or named(message))


def _seconds(time: float | None) -> int | None:
    return None if time is None else int(time)
