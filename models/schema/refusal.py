"""Refusal: a keyword of a JSON Schema that no grammar can enforce, and where it stands. Knows JSON paths."""

from __future__ import annotations

import json
import re
from functools import lru_cache

from models.errors import ContractError
from models.grammar.fragments.builder import NoText
from models.schema.vocabulary import ENFORCED

_PLAIN = re.compile(r"[$A-Za-z_][$\w-]*")


class SchemaRefused(ContractError):
    """`keyword` at `path` (as in `$.properties.tags.uniqueItems`) cannot be enforced, for a `reason` that is told
    behind the path; the hint is the smallest change that fixes it."""

    def __init__(self, path: str, what: str, hint: str) -> None:
        self.path, self.keyword, self.reason = path, keyword_of(path), what.removesuffix(".")
        super().__init__(f"{path} {what}", hint)


class Unsatisfiable(NoText):
    """No value at all fits what `path` asks for. An optional property is then left out, an array stays empty."""

    def __init__(self, path: str, what: str, hint: str) -> None:
        self.path = path
        super().__init__(f"{path} {what}", hint)


def step(path: str, *keys: str | int) -> str:
    """`path` one or more keys further: `.name` where that is plain, else `["a name"]`, or `[0]`."""
    for key in keys:
        path += _written(key)
    return path


@lru_cache(4096)  # the same few keys stand in paths again and again
def _written(key: str | int) -> str:
    plain = isinstance(key, str) and _PLAIN.fullmatch(key)
    return f".{key}" if plain else f"[{json.dumps(key, ensure_ascii=False)}]"


def keyword_of(path: str) -> str:
    """The keyword that a path points at or into: the last of its keys that is one, else the last; "" at the root."""
    found: list[str] = re.findall(r"\.([$\w-]+)", re.sub(r'\["(?:[^"\\]|\\.)*"\]', "", path))
    return next((key for key in reversed(found) if key in ENFORCED), found[-1] if found else "")
