"""Strings: what a clause says about texts, as llguidance's own JSON Schema compiler writes them.

Knows lengths, patterns, formats and left-out values. Leaves to llguidance how JSON writes a text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from math import inf
from typing import Literal

from llguidance import LLMatcher

from models.grammar.fragments.builder import GrammarBuilder, NoText
from models.grammar.fragments.fragment import Fragment, literal, quoted, text_fragment
from models.grammar.fragments.probe import followed, probe
from models.schema.bounds import LONGEST
from models.schema.clause import Clause
from models.schema.formats import FORMATS
from models.schema.notes import Notes
from models.schema.pattern import read, without
from models.schema.refusal import Unsatisfiable

_OPTIONS = {"whitespace_flexible": False, "json_allowed_escapes": 'nrbtf\\"'}
r"""Every escape but `\uXXXX`: a text is written in one way only, so that no name can be written past its own."""

_CHARACTER = r'(?:[^"\\\x00-\x1F\x7F]|\\["\\nrbtf])'
ANY = f'"{_CHARACTER}*"'
"""A text of any characters and any length."""

Rule = tuple[str, str]
"""A pattern as llguidance reads it, and the path of the keyword that asks for it."""


def rules(clause: Clause, notes: Notes) -> list[Rule]:
    """What the patterns and formats of `clause` ask for, as far as llguidance can follow it."""
    found: list[Rule] = [
        (f"^(?:{FORMATS[name]})$", layer.at("format")) for name, layer in clause.said("format")
    ]  # fmt: skip
    for pattern, layer in clause.said("pattern"):
        found += rule(pattern, layer.at("pattern"), notes)
    return found


def rule(pattern: str, at: str, notes: Notes) -> list[Rule]:
    """One pattern, none where llguidance has nothing like it."""
    given = read(pattern)
    if given.loose:
        notes.loosen(at, f"has {given.loose}")
    return [] if given.lark is None else [(given.lark, at)]


def text(
    clause: Clause,
    usual: int | None,
    notes: Notes,
    builder: GrammarBuilder,
    beside: Iterable[Rule] = (),
    declared: Iterable[str] = (),
    prefixes: Iterable[str] = (),
) -> Fragment:
    """Any quoted text for which `clause` holds, of `usual` characters at most where it has no end, if there is a usual;
    that matches the rules `beside` it, is none of those `declared` and begins with none of `prefixes`. Unsatisfiable
    where there is none."""
    asked = [*beside, *rules(clause, notes)]
    barred, begun = [*declared, *(value for value in clause.excluded if isinstance(value, str))], list(prefixes)
    least, given = clause.least("minLength"), clause.most("maxLength")
    if given is not None and least > given:
        raise Unsatisfiable(
            clause.where("minLength"),
            f"asks for {least} characters or more, and another keyword for {given} or fewer.",
            "Let the smaller bound come first.",
        )
    if least > LONGEST:
        notes.loosen(clause.where("minLength"), f"asks for more than {LONGEST} characters")
        least = 0
    if given is not None and given > LONGEST:
        notes.loosen(clause.where("maxLength"), f"counts more than {LONGEST} characters")
        given = None
    most = given if given is not None else None if usual is None else max(usual, least)
    if most == 0 and not (asked or barred or begun):
        return text_fragment('""')
    if not asked and (barred or begun or builder.open):
        return _free(least, most, barred, begun, builder)
    patterns = [one for one, _ in asked] + ([without(barred, begun)] if barred or begun else [])
    for lengths, kept in _attempts(least, most, patterns):
        schema = _schema(*lengths, tuple(kept))
        outcome = _tried(schema) if kept and asked else "followed"
        if outcome == "empty":
            raise Unsatisfiable(
                clause.where("pattern", "format", "propertyNames", "not"),
                "leaves no text beside the lengths and other keywords that hold there.",
                "Relax one of them.",
            )
        if outcome == "followed":
            break
    if len(kept) < len(patterns):
        for _, at in asked:
            notes.loosen(at, "takes llguidance too long to follow")
        if barred or begun:
            notes.loosen(clause.where("not", "patternProperties"), "takes llguidance too long to follow")
    if lengths != (least, most) and (least or given is not None):
        notes.loosen(clause.where("maxLength", "minLength"), "takes too long to count beside the pattern")
    longest = inf if lengths[1] is None else 4 * lengths[1] + 2
    end = "" if lengths[1] is None else lengths[1]
    return builder.rule("text", Fragment(f"%json {schema}", longest, f"{lengths[0]}–{end} characters"))


def _free(least: int, most: int | None, barred: list[str], prefixes: list[str], builder: GrammarBuilder) -> Fragment:
    """Any text but those: as a terminal, which compiles and masks several times faster than as a pattern."""
    end = "" if most is None else most
    longest, bound = inf if most is None else 4 * most + 2, f"{least}–{end} characters"
    body = f'/"{_CHARACTER}{{{least},{end}}}"/' if least or most is not None else f"/{ANY}/"
    out = [literal(quoted(value)) for value in barred]
    out += [f"{literal(quoted(value)[:-1])} /(?s:.)*/" for value in prefixes]
    if not out:
        return Fragment(builder.terminal("TEXT", body), longest, bound)
    if most == 0 and ("" in barred or "" in prefixes):
        raise NoText("No text is left.", "Leave out fewer of them.")
    # A contract's hash is that of its grammar with ends, in which each name repeats what a text is.
    body = builder.terminal("TEXT", body) if builder.open else body
    return Fragment(builder.terminal("NAME", f"{body} & ~({' | '.join(out)})"), longest, bound)


def _attempts(least: int, most: int | None, patterns: list[str]) -> Iterable[tuple[tuple[int, int | None], list[str]]]:
    """What to ask of llguidance, first everything, then what is more easily followed."""
    yield (least, most), patterns
    if patterns:
        if least or most is not None:
            yield (0, None), patterns
        yield (least, most), []


@lru_cache(1024)
def _schema(least: int, most: int | None, patterns: tuple[str, ...]) -> str:
    schema: dict[str, object] = {"type": "string"}
    if least:
        schema["minLength"] = least
    if most is not None:
        schema["maxLength"] = most
    if patterns:
        schema["pattern"] = patterns[0]
    if patterns[1:]:
        schema["allOf"] = [{"type": "string", "pattern": pattern} for pattern in patterns[1:]]
    return json.dumps({**schema, "x-guidance": _OPTIONS}, ensure_ascii=True)


@lru_cache(4096)
def _tried(schema: str) -> Literal["followed", "empty", "too complex"]:
    """Whether llguidance can follow a text with a pattern to its end, or finds that there is none."""
    grammar = LLMatcher.grammar_from_json_schema(schema)  # the same as in Lark, and read in a third of the time
    matcher = probe(grammar)
    if matcher.is_error():
        return "empty" if "Unsatisfiable" in matcher.get_error() else "too complex"
    return followed(matcher)
