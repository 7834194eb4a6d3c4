"""Syntax: a regular expression as the re module parses it, which is public nowhere."""

from __future__ import annotations

from functools import cache
from typing import Any

from models.interfaces import PYTHON


class _Missing:
    """Stands for constants that are not there: `parse` says so once a contract has a pattern, and nothing before."""

    def __getattr__(self, name: str) -> str:
        return name


op: Any
try:
    from re import _constants as op  # type: ignore[attr-defined, no-redef]
    from re import _parser as parser  # type: ignore[attr-defined]
except ImportError:
    op = _Missing()


def parse(pattern: str) -> Any:
    """The parse tree of `pattern`; its constants are those of `op`. Raises re.error, and UnfitPackage."""
    _checked()
    return parser.parse(pattern)


@cache
def _checked() -> None:
    PYTHON.check()
