"""The declaration `@workflow`, typed by the Run that a workflow is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from models.contract import Contract
from pipeline.action import Action
from pipeline.run.run import Run
from pipeline.workflow import Workflow


def workflow(
    *,
    intent: str,
    examples: Sequence[str] = (),
    actions: Sequence[Action[..., Any]] = (),
    calls: Mapping[Workflow, int] | Sequence[Workflow] = (),
    form: type[Contract] | None = None,
    instructions: str = "",
    wrong: float | None = None,
) -> Callable[[Callable[[Run], Awaitable[object]]], Workflow]:
    """Declare an async function of one Run as the way to serve an intent. It returns a Contract, Escalation or str.

    `calls`: the workflows that it may call as steps, each once or, as a mapping, at most so often. One that is only
    called by others needs no examples. `form`: what it collects first; a model that decides both then chooses the
    intent and fills this form in one go. `instructions`: what a model is told in this workflow, behind the app's own;
    its form is then asked for by itself, since they are no business of the other intents. `wrong`: what serving another
    message as this one costs, where that is not what the app's `Costs` say; the more, the sooner the customer is asked.
    """

    def declare(body: Callable[[Run], Awaitable[object]]) -> Workflow:
        return Workflow(body, intent, examples, actions, calls, form, instructions, wrong)

    return declare
