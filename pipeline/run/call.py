"""Calling: another workflow as one step of the one that calls it.

Knows what the caller learns of a call, however it ended; leaves what a call may do to scope.py, and the steps inside
it to execution.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pipeline.durable.execution import Execution
from pipeline.durable.note import Note
from pipeline.outcome import Escalation
from pipeline.run.scope import Returned, Scope
from pipeline.workflow import Workflow


async def call_workflow(
    execution: Execution,
    caller: Scope,
    inner: Scope,
    other: Workflow,
    args: Sequence[Any],
    number: int,
    serve: Callable[[], Awaitable[object]],
) -> Any:
    """What `serve` returns, which runs the workflow `other` in the scope `inner`, as `Run.call`.

    `number`: of this call among those of that workflow.
    """
    caller.check_call(other, number)
    inner.unlock(other)
    inner.sure = caller.sure
    returned = Returned()

    async def body(note: Note) -> object:
        nonlocal returned
        whole = False
        try:
            ending = await serve()
            whole = True
        finally:
            returned = inner.returned(whole)
        if isinstance(ending, Escalation):
            raise ending
        note.detail["turns"] = [[turn.role, turn.text] for turn in returned.turns]
        return ending

    try:
        ending, row, inside = await execution.nest(f"call {other.__name__}", list(args), body, other.adapter)
        returned = Returned.of(row, inside)
    finally:
        caller.take(returned)  # whatever was raised: the caller may catch it, and it was said all the same
    return ending
