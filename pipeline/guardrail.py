"""Guardrail: a rule in code over values of a run. Knows how arguments find their parameters; not who mends a violation.

A guardrail's docstring is all that is ever said about it: the repair message to the model and the explanation to the
customer.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Union, get_args, get_origin, get_type_hints, overload

from models.contract import Contract
from pipeline.errors import UsageError


class Guardrail:
    """A predicate with a message. `fields` are those that a customer can change to mend it, `field` the first, if any.

    The question is about `field`; an answer with a value for another of them is taken as well.
    """

    def __init__(
        self, function: Callable[..., bool | Awaitable[bool]], field: str | Sequence[str] | None = None
    ) -> None:
        self.function = function
        self.fields: tuple[str, ...] = (field,) if isinstance(field, str) else tuple(field or ())
        self.field = next(iter(self.fields), None)
        self.name: str = getattr(function, "__name__", "")
        self.message = " ".join((inspect.getdoc(function) or "").split())
        self.__name__ = self.name
        self.__doc__ = self.message
        if not self.message:
            raise UsageError(f"The guardrail '{self.name}' has no docstring: write the rule as you would tell it.")

    async def holds(
        self, given: Sequence[object], named: Mapping[str, object] | None = None, known: Sequence[object] = ()
    ) -> bool:
        """Apply the rule. Each parameter takes, in this order: the first of the values `given` that has its type; the
        value `named` so; the field named so of a contract given or known; the first value `known` that has its type.

        A rule that is given None where it takes none holds: nothing was said that could break it.
        UsageError if a parameter finds nothing.
        """
        bound: dict[str, object] = {}
        left = list(given)
        for name, kinds in self._parameters.items():
            value = self._find(name, kinds, left, named or {}, [*given, *known])
            if value is None and type(None) not in kinds:
                return True
            bound[name] = value
        verdict = self.function(**bound)
        return bool(await verdict if inspect.isawaitable(verdict) else verdict)

    def _find(
        self,
        name: str,
        kinds: tuple[type[Any], ...],
        left: list[object],
        named: Mapping[str, object],
        known: Sequence[object],
    ) -> object:
        index = next((i for i, value in enumerate(left) if not kinds or isinstance(value, kinds)), None)
        if index is not None:
            return left.pop(index)
        if None in left:
            left.remove(None)
            return None
        if name in named:
            return named[name]
        for value in known:
            if isinstance(value, Contract) and name in type(value).model_fields:
                return getattr(value, name)
        fitting = [value for value in known if kinds and isinstance(value, kinds)]
        if fitting:
            return fitting[0]
        wanted = " or ".join(kind.__name__ for kind in kinds) or "value"
        raise UsageError(f"The guardrail '{self.name}' wants a {wanted} as '{name}', which the run has not: pass it.")

    @cached_property
    def _parameters(self) -> dict[str, tuple[type[Any], ...]]:
        try:
            hints = get_type_hints(self.function)
        except Exception as error:
            raise UsageError(
                f"The guardrail '{self.name}' has an annotation that cannot be resolved ({error}): import the type at"
                " the top of its module."
            ) from error
        return {name: _kinds(hints.get(name)) for name in inspect.signature(self.function).parameters}

    def __call__(self, *args: Any, **kwargs: Any) -> bool | Awaitable[bool]:
        """The bare predicate."""
        return self.function(*args, **kwargs)


def _kinds(hint: object) -> tuple[type[Any], ...]:
    """Classes that `isinstance` can test; empty for anything else."""
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(kind for part in get_args(hint) for kind in _kinds(part))
    origin = get_origin(hint) or hint
    return (origin,) if isinstance(origin, type) and origin is not object else ()


@overload
def guardrail(function: Callable[..., bool | Awaitable[bool]], /) -> Guardrail: ...


@overload
def guardrail(*, field: str | Sequence[str]) -> Callable[[Callable[..., bool | Awaitable[bool]]], Guardrail]: ...


def guardrail(
    function: Callable[..., bool | Awaitable[bool]] | None = None, /, *, field: str | Sequence[str] | None = None
) -> Guardrail | Callable[[Callable[..., bool | Awaitable[bool]]], Guardrail]:
    """Declare a predicate as a guardrail: `@guardrail`, or `@guardrail(field="budget")` if the customer can mend it.

    `field=("budget", "departure")`: by either of them.
    """
    if function is not None:
        return Guardrail(function)
    return lambda predicate: Guardrail(predicate, field)
