"""Template: words with named holes, in the notation of Python's string.Template: `$conversation`, `${form}`, `$$`.

Knows how a text is checked and filled; does not know which templates there are.
"""

from __future__ import annotations

import re
import string
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from pipeline.errors import UsageError

# How other tools write holes. A brace as such is no fault: prompts show JSON.
_FOREIGN = re.compile(
    r"\{\{-?\s*(?P<jinja>\w+)|\{%|(?<!\$)\{(?P<format>[a-z_]+)(?:![rsa])?(?::[^{}\"]*)?\}|%\((?P<percent>\w+)\)s"
)


@dataclass(frozen=True)
class Template:
    """`name`: the file that it stands in, for errors."""

    name: str
    text: str

    @cached_property
    def holes(self) -> frozenset[str]:
        """The names in it. UsageError for a `$` that begins none."""
        return frozenset(match["named"] or match["braced"] for match in self._matches() if not match["escaped"])

    def check(self, known: Collection[str]) -> None:
        """UsageError for a hole that is none of the `known`, or that is written as other tools do."""
        if unknown := sorted(self.holes - set(known)):
            raise UsageError(
                f"{self.name} has the hole ${unknown[0]}, which is not filled here: {_advice(unknown[0], known)}."
            )
        for match in _FOREIGN.finditer(self.text):
            name = match["jinja"] or match["format"] or match["percent"]
            if name is None or name in known or match["jinja"]:
                instead = f"write ${name}" if name in known else f"holes are written as $name: {_advice(name, known)}"
                raise UsageError(f'{self.name} has "{match.group()}" in line {self._line(match.start())}: {instead}.')

    def fill(self, holes: Mapping[str, str]) -> str:
        """The text with its holes filled. A line that is a hole and nothing else goes, if there is nothing to say."""
        text = self.text
        for name, value in holes.items():
            if not value:
                text = re.sub(rf"^\$(?:{name}|\{{{name}\}})[ \t]*(?:\n+|\Z)", "", text, flags=re.MULTILINE)
        return string.Template(text).substitute(holes).strip("\n")

    def _matches(self) -> list[re.Match[str]]:
        found = list(string.Template.pattern.finditer(self.text))
        for match in found:
            if match["invalid"] is not None:
                line = self._line(match.start())
                raise UsageError(f"{self.name} has a stray $ in line {line}: write $$ for the sign itself, or $name.")
        return found

    def _line(self, position: int) -> int:
        return self.text.count("\n", 0, position) + 1


def _advice(name: str | None, known: Collection[str]) -> str:
    near = get_close_matches(name or "", known, 1)
    there = ", ".join(f"${hole}" for hole in known) or "none"
    return f"${near[0]} is" if near else f"there is {there}"
