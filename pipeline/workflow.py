"""Workflow, Step and Action: the three declarations around an app's plain async functions.

Knows what was declared and refuses, when the module is imported, what cannot work; runs nothing.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    ParamSpec,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    overload,
)

from pydantic import TypeAdapter

from models.contract import Contract
from pipeline.errors import UsageError, first_line
from pipeline.outcome import Escalation

if TYPE_CHECKING:
    from pipeline.run import Run

P = ParamSpec("P")
R = TypeVar("R")


class Step(Generic[P, R]):
    """An async function whose result the journal keeps. Its return annotation says how the result is restored."""

    def __init__(self, function: Callable[P, Awaitable[R]]) -> None:
        self.function = function
        self.name: str = getattr(function, "__name__", "")
        if not inspect.iscoroutinefunction(function):
            raise UsageError(f"The step '{self.name}' is not an async function: write `async def {self.name}(…)`.")
        if "return" not in function.__annotations__:
            raise UsageError(
                f"The step '{self.name}' has no return annotation: write `-> T`, the journal restores its result as T."
            )
        self.__name__ = self.name
        self.__doc__ = function.__doc__

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """How the result is written to the journal and read back. UsageError if the annotation means nothing."""
        try:
            return TypeAdapter(get_type_hints(self.function, include_extras=True)["return"])
        except Exception as error:
            raise UsageError(
                f"The result of '{self.name}' cannot be kept in the journal ({first_line(error)}): annotate it with"
                " types that pydantic knows, importable where the function is defined."
            ) from error

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the bare function, outside any journal."""
        return await self.function(*args, **kwargs)


class Action(Step[P, R]):
    """A step with a side effect: happens once, whatever crashes.

    The function takes a keyword `key: str`, the same for the same call of the same record, and hands it to whatever
    it changes, which must remember it. `check`, registered with `@action.check`, finds out after a crash: it takes the
    same arguments as the action (or the key alone) and returns the action's result, or None if nothing happened.
    `approval`: it may only be done with arguments that a person approved (`run.approve`).
    """

    def __init__(self, function: Callable[P, Awaitable[R]], approval: bool = False) -> None:
        super().__init__(function)
        self.approval = approval
        if "key" not in inspect.signature(function).parameters:
            raise UsageError(f"The action '{self.name}' takes no `key: str`: it needs its idempotency key.")
        self.checker: Callable[..., Awaitable[R | None]] | None = None

    def check(self, function: Callable[..., Awaitable[R | None]]) -> Callable[..., Awaitable[R | None]]:
        """Register the function that tells, after a crash, whether the action under a key happened."""
        if not inspect.iscoroutinefunction(function):
            raise UsageError(f"The check of '{self.name}' is not an async function: write `async def`.")
        if self.function.__annotations__["return"] in (None, "None"):
            raise UsageError(
                f"The action '{self.name}' returns None, which its check uses to say that nothing happened: return"
                " something, such as a reference."
            )
        self.checker = function
        return function

    async def happened(self, args: Sequence[object], key: str) -> R | None:
        """Ask the check. Call only if there is one."""
        if self.checker is None:
            raise UsageError(f"The action '{self.name}' has no check.")
        if list(inspect.signature(self.checker).parameters) == ["key"]:
            return await self.checker(key=key)
        return await self.checker(*args, key=key)


class Workflow:
    """What the gate and the pipeline know of a workflow: its intent, how people ask for it, what it may do."""

    def __init__(
        self,
        body: Callable[[Run], Awaitable[object]],
        intent: str,
        examples: Sequence[str],
        actions: Sequence[Action[..., Any]],
        calls: Mapping[Workflow, int] | Sequence[Workflow] = (),
        form: type[Contract] | None = None,
    ) -> None:
        name = getattr(body, "__name__", "")
        self.body = body
        self.intent = intent
        self.examples = tuple(examples)
        self.actions = tuple(actions)
        self.calls = dict(calls) if isinstance(calls, Mapping) else dict.fromkeys(calls, 1)
        self.form = form
        self.description = inspect.getdoc(body) or ""
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

    @property
    def phrase(self) -> str:
        """The docstring's first sentence, up to a colon, as it fits into "Do you want to …?": "book a trip"."""
        first = re.split(r"[.:] ", self.description.split("\n\n")[0].replace("\n", " "))[0].strip().rstrip(".:")
        return first[:1].lower() + first[1:]

    def unlocks(self, action: Action[..., Any]) -> bool:
        """Whether this intent may call the action."""
        return any(action is allowed for allowed in self.actions)


def workflow(
    *,
    intent: str,
    examples: Sequence[str] = (),
    actions: Sequence[Action[..., Any]] = (),
    calls: Mapping[Workflow, int] | Sequence[Workflow] = (),
    form: type[Contract] | None = None,
) -> Callable[[Callable[[Run], Awaitable[object]]], Workflow]:
    """Declare an async function of one Run as the way to serve an intent. It returns a Contract, Escalation or str.

    `calls`: the workflows that it may call as steps, each once or, as a mapping, at most so often. One that is only
    called by others needs no examples. `form`: what it collects first; a model that decides both then chooses the
    intent and fills this form in one go.
    """

    def declare(body: Callable[[Run], Awaitable[object]]) -> Workflow:
        return Workflow(body, intent, examples, actions, calls, form)

    return declare


def step(function: Callable[P, Awaitable[R]]) -> Step[P, R]:
    """Declare an async function as a step: `await run.step(search, …)` runs it once per record."""
    return Step(function)


@overload
def action(function: Callable[P, Awaitable[R]]) -> Action[P, R]: ...
@overload
def action(*, approval: bool) -> Callable[[Callable[P, Awaitable[R]]], Action[P, R]]: ...
def action(function: Callable[P, Awaitable[R]] | None = None, *, approval: bool = False) -> Any:
    """Declare an async function with a side effect: `await run.do(book, …)` does it once per record.

    `@action(approval=True)`: only after `await run.approve(book, …)` with the same arguments.
    """
    return Action(function, approval) if function is not None else lambda given: Action(given, approval)


def _ending(annotation: Any) -> Any:
    """What is left of a return annotation without Escalation, which is raised and not returned to a caller."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return type(None) if annotation is Escalation else annotation
    kept = tuple(kind for kind in get_args(annotation) if kind is not Escalation)
    return Union[kept]  # noqa: UP007 (a value)
