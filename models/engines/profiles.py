"""Profile: what a model is trusted with and how it wants to be addressed. Knows names only; loads nothing."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any


def _nothing() -> Mapping[str, object]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Profile:
    """`decides`: may weigh evidence and choose among options; a model that does not is only asked to copy.

    `spaced`: writes JSON with a blank behind each comma and colon, so that its grammars admit that form only.
    `context`: tokens that prompt and answer may take together; 0 until an engine has read it from the model.
    `template`: extra variables of the chat template; they switch native thinking off where that can be done.

    `thinks`: thinks natively before every answer, so that a Scratchpad would be thinking twice. In an opened engine's
    profile this says what the engine does; in profiles.toml, what it does unless it is asked for something else.
    `thinking_budget`: tokens that one thought may take. `thinking_tags`: what a thought stands between.
    `thinking_on`: variables of the chat template that switch thinking on, over those of `template`.
    """

    name: str
    decides: bool = True
    spaced: bool = True
    context: int = 0
    template: Mapping[str, object] = field(default_factory=_nothing)
    thinks: bool = False
    thinking_budget: int = 2048
    thinking_tags: tuple[str, str] = ("<think>", "</think>")
    thinking_on: Mapping[str, object] = field(default_factory=_nothing)


@cache
def _known() -> dict[str, dict[str, Any]]:
    return tomllib.loads(Path(__file__).with_name("profiles.toml").read_text(encoding="utf-8"))


def profile_of(model: str) -> Profile:
    """The profile for a served name, a Hugging Face name or a folder, by its last part."""
    name = model.rstrip("/").rsplit("/", 1)[-1]
    for pattern, values in _known().items():
        if fnmatchcase(name.lower(), pattern):
            return Profile(name, **{key: _frozen(value) for key, value in values.items()})
    return Profile(name)


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return MappingProxyType(dict(value))
    return tuple(value) if isinstance(value, list) else value
