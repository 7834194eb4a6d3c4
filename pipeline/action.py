"""Step and Action: what a workflow does, around plain async functions whose results the journal keeps.

Knows what was declared and refuses, when the module is imported, what cannot work; runs nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import Any, Generic, ParamSpec, TypeVar, get_type_hints, overload

from pydantic import TypeAdapter

from pipeline.errors import UsageError, first_line

CUSTOMER = "customer"
"""Who approves where no role is named: whoever asked, who then only confirms the arguments."""

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
    `approval`: the role of those who have to approve its arguments first (`run.approve`); "" if nobody has to.
    """

    def __init__(self, function: Callable[P, Awaitable[R]], approval: bool | str = False) -> None:
        super().__init__(function)
        self.approval = CUSTOMER if approval is True else approval or ""
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
        if list(inspect.signature(function).parameters) != ["key"] and not _takes(function, self.function):
            raise UsageError(
                f"The check of '{self.name}' cannot be asked with the arguments of '{self.name}': give it the same"
                " parameters in the same order, or `key` alone."
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


def _takes(check: Callable[..., Any], action: Callable[..., Any]) -> bool:
    """Whether a check can be called as its action is: with any number of arguments that this may get, and the key."""
    own = [one for one in inspect.signature(action).parameters.values() if one.name != "key"]
    placed = [one for one in own if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    needed = sum(one.default is one.empty for one in placed)
    try:
        for given in {needed, len(placed)}:
            inspect.signature(check).bind(*[None] * given, key="")
    except TypeError:
        return False
    return True


def step(function: Callable[P, Awaitable[R]]) -> Step[P, R]:
    """Declare an async function as a step: `await run.step(search, …)` runs it once per record."""
    return Step(function)


@overload
def action(function: Callable[P, Awaitable[R]]) -> Action[P, R]: ...
@overload
def action(*, approval: bool | str) -> Callable[[Callable[P, Awaitable[R]]], Action[P, R]]: ...
def action(function: Callable[P, Awaitable[R]] | None = None, *, approval: bool | str = False) -> Any:
    """Declare an async function with a side effect: `await run.do(book, …)` does it once per record.

    `@action(approval="manager")`: only after a yes to `await run.approve(book, …, question=…)` with the same arguments,
    which somebody of that role answers, never whoever asked; with `approval=True` the customer confirms them.
    """
    return Action(function, approval) if function is not None else lambda given: Action(given, approval)


_STEPS: dict[object, Any] = {}


def step_of(function: Callable[P, Awaitable[R]]) -> Step[P, R]:
    """A bare async function as a step; remembered, because its result's adapter is costly to build."""
    known: Step[P, R] | None = _STEPS.get(function)
    if known is None:
        known = _STEPS[function] = Step(function)
    return known
