"""Decoding: what is noted of how a text was drawn, so that one that was forced out of a model can be found later.

A valid text may be one that its model would never have written: the grammar left it next to nothing, or a field ended
because it was full. Knows completions and contracts; asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from models.contract import Contract
from models.engines.engine import Completion
from models.grammar.fragments.text import MOST
from models.said import QuoteMark, SaidMark, ScratchpadMark

LITTLE = 0.01
"""Probability that a grammar leaves a model, below which a text is suspicious: what came is not what it would say."""

_OTHERS = (SaidMark, QuoteMark, ScratchpadMark)


def decoding(calls: Sequence[Completion]) -> dict[str, Any]:
    """For a step's detail: the least of the masses with where it was, and seconds of the calls themselves. An engine
    that tells neither adds nothing."""
    found: dict[str, Any] = {}
    told = [call for call in calls if call.mass is not None]
    if told:
        least = min(told, key=lambda call: call.mass or 0.0)
        found |= {"mass": round(least.mass or 0.0, 6), "tight": least.tight}
    own = [call.own_seconds for call in calls if call.own_seconds is not None]
    return found | ({"own_seconds": round(max(own), 4)} if own else {})


def full(value: Contract) -> list[str]:
    """The free texts of a form that are as long as they may be, by name: they ended because there was no more room."""
    return [".".join(path) for path in _full(value, ())]


def _full(value: BaseModel, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, most in _mosts(type(value)):
        yield from _within(getattr(value, name), most, (*path, name))


def _within(value: object, most: int | None, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, BaseModel):
        yield from _full(value, path)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _within(item, None, path)
    elif isinstance(value, str) and type(value) is str and most is not None and len(value) >= most:
        yield path


@lru_cache(512)
def _mosts(kind: type[BaseModel]) -> tuple[tuple[str, int | None], ...]:
    return tuple((name, most_of(info)) for name, info in kind.model_fields.items())


def most_of(info: FieldInfo) -> int | None:
    """Characters of a free text at most; None for anything else, of which a length says nothing, and for notes."""
    if info.annotation not in (str, str | None) or any(isinstance(mark, _OTHERS) for mark in info.metadata):
        return None
    return min((length for mark in info.metadata if (length := getattr(mark, "max_length", None))), default=MOST)
