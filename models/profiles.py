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


@dataclass(frozen=True)
class Profile:
    """`decides`: may weigh evidence and choose among options; a model that does not is only asked to copy.

    `context`: tokens that prompt and answer may take together; 0 until an engine has read it from the model.
    `template`: extra variables of the chat template.
    """

    name: str
    decides: bool = True
    context: int = 0
    template: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


@cache
def _known() -> dict[str, dict[str, Any]]:
    return tomllib.loads(Path(__file__).with_name("profiles.toml").read_text(encoding="utf-8"))


def profile_of(model: str) -> Profile:
    """The profile for a served name, a Hugging Face name or a folder, by its last part."""
    name = model.rstrip("/").rsplit("/", 1)[-1]
    for pattern, values in _known().items():
        if fnmatchcase(name.lower(), pattern):
            return Profile(name, **{**values, "template": MappingProxyType(dict(values.get("template", {})))})
    return Profile(name)
