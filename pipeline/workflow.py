"""Workflow: an app's plain async function as the way to serve one intent.

Knows what was declared and refuses, when the module is imported, what cannot work; runs nothing. What the function is
given is no business of this file: `@workflow`, which says so, stands beside Run (run/declaration.py).
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from models.contract import Contract
from pipeline.action import Action
from pipeline.costs import Costs
from pipeline.errors import UsageError, first_line
from pipeline.outcome import Ending, Escalation


class Workflow:
    """What the gate and the pipeline know of a workflow: its intent, how people ask for it, what it may do."""

    def __init__(
        self,
        body: Callable[..., Awaitable[object]],
        intent: str,
        examples: Sequence[str],
        actions: Sequence[Action[..., Any]],
        calls: Mapping[Workflow, int] | Sequence[Workflow] = (),
        form: type[Contract] | None = None,
        instructions: str = "",
        wrong: float | None = None,
    ) -> None:
        name = getattr(body, "__name__", "")
        for what, given in (("examples", examples), ("actions", actions), ("calls", calls)):
            if isinstance(given, str) or not isinstance(given, Iterable):
                raise UsageError(f"The workflow '{name}' has {given!r} as its {what}: give a list of them.")
        self.body = body
        self.intent = intent
        self.examples = tuple(examples)
        self.actions = tuple(actions)
        self.calls = dict(calls) if isinstance(calls, Mapping) else dict.fromkeys(calls, 1)
        self.form = form
        self.instructions = instructions
        self.wrong = wrong if wrong is None else Costs(wrong).wrong
        self.description = inspect.getdoc(body) or ""
        for told, words in (("its intent", intent), *(("one of its examples", one) for one in self.examples)):
            if not isinstance(words, str) or not words.strip():
                raise UsageError(f"The workflow '{name}' has {words!r} as {told}: give a text.")
        if not inspect.iscoroutinefunction(body):
            raise UsageError(f"The workflow '{name}' is not an async function: write `async def {name}(run: Run)`.")
        if not self.description:
            raise UsageError(f"The workflow '{name}' has no docstring: the gate reads it, so say what it does.")
        if "return" not in body.__annotations__:
            raise UsageError(f"The workflow '{name}' has no return annotation: it lists every ending.")
        for action in self.actions:
            if not isinstance(action, Action):
                raise UsageError(f"The workflow '{name}' lists {action!r} as an action: decorate it with @action.")
        for called, most in self.calls.items():
            if not isinstance(called, Workflow) or most < 1:
                raise UsageError(
                    f"The workflow '{name}' lists {called!r} among its calls: give workflows, and how often each may be"
                    " called if that is more than once."
                )
        if form is not None and not (isinstance(form, type) and issubclass(form, Contract)):
            raise UsageError(f"The workflow '{name}' has {form!r} as its form: give a Contract that it collects first.")
        self.__name__ = name
        self.__doc__ = self.description

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """How its ending is kept in the journal when another workflow calls it. UsageError if it means nothing."""
        try:
            return TypeAdapter(_ending(get_type_hints(self.body, include_extras=True)["return"]))
        except Exception as error:
            raise UsageError(
                f"The ending of '{self.__name__}' cannot be kept in the journal ({first_line(error)}): annotate it"
                " with contracts, str and Escalation."
            ) from error

    def check_endings(self) -> None:
        """UsageError if its return annotation has a class that is no ending: found out now, not after an action."""
        try:
            annotation = get_type_hints(self.body)["return"]
        except NameError:  # imported for type checkers only
            return
        for kind in get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,):
            if (
                isinstance(kind, type)
                and kind is not object
                and not issubclass(kind, (str, Contract, Escalation, Ending))
            ):
                raise UsageError(
                    f"The workflow '{self.__name__}' may return {kind.__name__}: let it return a Contract, a str,"
                    " or an Escalation to a person."
                )

    @property
    def phrase(self) -> str:
        """The docstring's first sentence, up to a colon, as it fits into "Do you want to …?": "book a trip"."""
        first = re.split(r"[.:] ", self.description.split("\n\n")[0].replace("\n", " "))[0].strip().rstrip(".:")
        return first[:1].lower() + first[1:]

    def unlocks(self, action: Action[..., Any]) -> bool:
        """Whether this intent may call the action."""
        return any(action is allowed for allowed in self.actions)


def _ending(annotation: Any) -> Any:
    """What is left of a return annotation without Escalation, which is raised and not returned to a caller."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return type(None) if annotation is Escalation else annotation
    kept = tuple(kind for kind in get_args(annotation) if kind is not Escalation)
    return Union[kept]  # noqa: UP007 (a value)
