"""GrammarBuilder: what the fragments of one grammar share: sources to copy from, named rules and terminals. Knows no
types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import inf
from typing import Any, get_args

from pydantic import ConfigDict

from models.errors import ContractError
from models.grammar.fragments.characters import CONTROLS
from models.grammar.fragments.fragment import Fragment, literal, sequence, text_fragment
from models.grammar.separators import separators


class NoText(ContractError):
    """A value that cannot be written here: an Optional around it is null, a list of it is empty."""


class NoJson(NoText):
    """A value that is read from no JSON: a function, a class, an instance of something Pydantic does not know."""


@dataclass(frozen=True)
class Bound:
    """One field of a contract: where it is, what it admits, and the bytes of its longest text, infinite without end."""

    field: str
    text: str
    longest: float


@dataclass(frozen=True)
class GrammarBuilder:
    """`said`: normalised messages; `evidence`: sentences by paragraph; `scratchpad`: characters that a Scratchpad may
    have at most, if fewer than it declares; `within`: the contracts around the present field; `one_line`: no text holds
    a line break, a tab, or another control character; `config`: the present class's configuration, `texts`:
    what it asks of each text;
    `open`: what has no end of its own gets none, and `Fragment.longest` is infinite. `tightened`: the places where
    something got an end that it does not have, and which. `omit`: fields that have a default may be left out,
    but for the one of the name `tag`, by which a union tells its kinds apart.
    `recursive`: the rules of classes that contain themselves, by class, where the grammar is open; `written`: what
    has been written, by class and what it is inside of. `levels`: how deep classes may go in all; 0: each by itself.
    `spaced`: whether a blank stands behind each comma and colon; `given`, `counts`: names of
    bodies, and how many each name has."""

    said: tuple[str, ...] = ()
    evidence: tuple[tuple[str, ...], ...] = ()
    scratchpad: int | None = None
    within: tuple[tuple[Any, str], ...] = ()
    one_line: bool = False
    config: ConfigDict = field(default_factory=ConfigDict)
    texts: Mapping[str, Any] = field(default_factory=dict)
    open: bool = False
    tightened: dict[str, str] = field(default_factory=dict)
    omit: bool = False
    tag: str = ""
    levels: int = 0
    recursive: dict[Any, str] = field(default_factory=dict)
    written: dict[Any, Fragment | NoText] = field(default_factory=dict)
    terminals: dict[str, str] = field(default_factory=dict)
    rules: dict[str, str] = field(default_factory=dict)
    bounds: list[Bound] = field(default_factory=list)
    spaced: bool = False
    given: dict[tuple[str, str], str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def around(self) -> tuple[Any, ...]:
        """The contracts around the present field, outermost first."""
        return tuple(kind for kind, _ in self.within)

    @cached_property
    def comma(self) -> Fragment:
        """What stands between two values."""
        return text_fragment(separators(self.spaced).comma)

    @cached_property
    def colon(self) -> Fragment:
        """What stands between a key and its value."""
        return text_fragment(separators(self.spaced).colon)

    @property
    def controls(self) -> str:
        """The letters of the escapes that a text may hold: of `CONTROLS` all, or none."""
        return "" if self.one_line else "".join(CONTROLS)

    def terminal(self, name: str, body: str) -> str:
        """A terminal with this `body`, named `name` or, where that name is taken, `name` and a number."""
        return self._named(self.terminals, name, body)

    def _named(self, names: dict[str, str], name: str, body: str) -> str:
        """`name` for `body`, with a number where another body has it; a body that has been named keeps its name."""
        if (unique := self.given.get((name, body))) is not None:
            return unique
        number = self.counts.get(name, 1)
        unique = name if number == 1 else f"{name}_{number}"
        while names.setdefault(unique, body) != body:
            number += 1
            unique = f"{name}_{number}"
        self.counts[name] = number
        self.given[name, body] = unique
        return unique

    def rule(self, name: str, fragment: Fragment) -> Fragment:
        """`fragment` under a name of its own, so that it can be used often and is written once."""
        if " " not in fragment.rule:
            return fragment
        unique = self._named(self.rules, _rule_name(name), fragment.rule)
        return Fragment(unique, fragment.longest, fragment.bound, fragment.constant)

    def end(self, where: str, most: int, what: str) -> float:
        """The end of something that has none of its own: `most`, noted, or none where the grammar is open."""
        if self.open:
            return inf
        self.tightened[where] = f"{most} {what}"
        return most

    def one_of(self, name: str, texts: list[str], bound: str = "") -> Fragment:
        """Any one of `texts`."""
        if len(set(texts)) == 1:
            return text_fragment(texts[0])
        body = " | ".join(literal(text) for text in dict.fromkeys(texts))
        return Fragment(
            self.terminal(name, body), max(len(text.encode()) for text in texts), bound or " | ".join(texts)
        )

    def empty(self, marks: str) -> Fragment:
        """Nothing between two `marks`."""
        return self.rule("empty", sequence(map(text_fragment, marks)))

    def items(self, name: str, item: Fragment, least: int, most: float, marks: str = "[]") -> Fragment:
        """`least` to `most` times `item` with commas, between `marks`; any number where `most` is infinite."""
        if most == 0:
            return self.empty(marks)
        item = self.rule(name, item)
        inner = self.listed(item, least, most)
        whole = sequence([text_fragment(marks[0]), inner, text_fragment(marks[1])])
        many = f"{least} or more" if most == inf else f"{least}–{most}"
        return Fragment(f"({whole.rule})", whole.longest, f"{many} × {item.bound}", whole.constant)

    def listed(self, item: Fragment, least: int, most: float) -> Fragment:
        """`least` to `most` times `item`, a name or what binds as one, with commas between; `most` is 1 or more."""
        if least == most == 1:
            return item
        rest = self.further(item, max(least - 1, 0), most - 1)
        more = f"{item.rule} {rest.rule}" if most > 1 else item.rule
        return Fragment(more if least else f"({more})?", item.longest + rest.longest)

    def further(self, item: Fragment, least: int, most: float) -> Fragment:
        """`least` to `most` times a comma and `item`; any number where `most` is infinite."""
        if most == 0:
            return Fragment("", 0)
        times = f"{{{least},{most}}}" if most != inf else f"{{{least},}}" if least else "*"
        return Fragment(f"({self.comma.rule} {item.rule}){times}", most * (item.longest + self.comma.longest))


@lru_cache(1024)  # a schema's rules have few names
def _rule_name(name: str) -> str:
    lowered = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return f"r_{lowered}"  # the prefix keeps clear of `start`


def closed(fragment: Fragment, limits: Mapping[str, object], where: str) -> Fragment:
    """`fragment`, once every limit of the field has been used."""
    for name in limits:
        raise ContractError(
            f"{where} has {name}, which a grammar cannot enforce here.",
            "Remove it, and check it in a guardrail instead.",
        )
    return fragment


def ordered(least: int, most: float, where: str) -> None:
    """Refuse bounds that leave nothing between them."""
    if least > most:
        raise ContractError(
            f"{where} must be at least {least} and at most {most}.", "Let the smaller bound come first."
        )


def type_name(annotation: Any) -> str:
    """An annotation as a reader wrote it."""
    return annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)
