"""Ledger: a record's actions, each of which happens once: reserved, executed under its key, committed.

Knows keys, what a process that is gone may have left undecided, and who is asked about it; does not know where in the
workflow an action stands (positions.py) nor what is told of it (execution.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pipeline.action import Action
from pipeline.durable import results
from pipeline.durable.positions import Call
from pipeline.errors import Refused
from pipeline.journal.journal import Journal
from pipeline.journal.rows import ActionRow, StepRow, canonical
from pipeline.outcome import Escalation


@dataclass(frozen=True)
class Deed:
    """What came of an action. "reserved": nobody can know whether it happened.

    `result` and `error` are JSON, as in StepRow; `raised` is what the action raised on the way to its error.
    """

    row: ActionRow
    state: Literal["reserved", "committed", "refused"]
    result: str | None = None
    error: str | None = None
    raised: Exception | None = None


class Ledger:
    """The actions of one record. `rows`: those in the journal, by key.

    `idle`: no action is executed; one that would be is an Escalation instead, which says what would be done.
    """

    def __init__(
        self, record: str, journal: Journal, state: Path, rows: Mapping[str, ActionRow], idle: bool = False
    ) -> None:
        self._record = record
        self._journal = journal
        self._state = state
        self._rows = dict(rows)
        self._idle = idle

    def key(self, call: Call) -> str:
        """The idempotency key: the same for the same call of the same record, in every process."""
        scope = [call.scope] if call.scope else []
        parts = json.dumps([self._record, *scope, call.name, call.digest, call.occurrence])
        return hashlib.sha256(parts.encode()).hexdigest()

    async def act(
        self, action: Action[..., Any], args: Sequence[object], call: Call, intent: str, approval: str | None
    ) -> Deed:
        """What comes of an action, done now or found done; `settle` makes it durable.

        Found reserved but not committed, it is looked up through its check; without one, a person is asked to
        (Escalation as the error). Raises Escalation if the check itself fails.
        """
        key = self.key(call)
        row = ActionRow(
            key,
            self._record,
            action.name,
            call.digest,
            call.occurrence,
            canonical(args, self._state),
            intent=intent,
            approval=approval,
        )
        earlier = self._rows.get(key)
        if earlier is not None and earlier.state == "committed":
            return Deed(row, "committed", earlier.result)
        if earlier is not None and earlier.state == "reserved":
            if action.checker is None:
                error = results.error_of(_uncertain(action, "the process ended meanwhile"))
                return Deed(row, "reserved", error=error)
            found = await _look_up(action, args, key)
            if found is not None:
                return Deed(row, "committed", results.dump(action.name, found, action.adapter))
        if self._idle:  # also what was reserved and has not happened: it is a run's to do, not a replay's
            raise Escalation("nobody", f"'{action.name}' would be done now with {row.arguments}.")
        if earlier is None or earlier.state != "reserved":
            await self._journal.reserve(row)
            self._rows[key] = row  # should this task be cancelled now, whoever calls it again has to look it up
        try:
            value = await action.function(*args, key=key)
        except Refused as raised:
            return Deed(row, "refused", error=results.error_of(raised), raised=raised)
        except Exception as raised:
            # An ordinary exception leaves open whether the effect happened (a time-out after the order was sent).
            if action.checker is None:
                uncertain = _uncertain(action, f"it raised {type(raised).__name__}: {raised}")
                return Deed(row, "reserved", error=results.error_of(uncertain), raised=raised)
            value = await _look_up(action, args, key)
            if value is None:
                return Deed(row, "refused", error=results.error_of(raised), raised=raised)
        return Deed(row, "committed", results.dump(action.name, value, action.adapter))

    async def settle(self, deed: Deed, step: StepRow) -> None:
        """Make durable what came of an action, together with its step."""
        if deed.state == "reserved":
            await self._journal.keep(self._record, step)
            return
        await self._journal.settle(self._record, deed.row.key, deed.state, step)
        self._rows[deed.row.key] = replace(deed.row, state=deed.state, result=deed.result)


async def _look_up(action: Action[..., Any], args: Sequence[object], key: str) -> Any:
    try:
        return await action.happened(args, key)
    except Exception as raised:
        raise _uncertain(action, f"its check raised {type(raised).__name__}: {raised}") from raised


def _uncertain(action: Action[..., Any], why: str) -> Escalation:
    return Escalation("human", f"uncertain: whether '{action.name}' happened is not known, because {why}.")
